"""The processes of a load, as a test sees them."""

import psutil


def locusts(of: int | None = None) -> list[psutil.Process]:
    """The processes of locust that a process has started and that still run; workers name a master's host."""
    return [child for child in psutil.Process(of).children() if "locust" in child.cmdline()]


def workers() -> list[psutil.Process]:
    """Those that send."""
    return [child for child in locusts() if "--worker" in child.cmdline()]


def is_sending(progress: str) -> bool:
    """Whether what is said of a run means that some of its requests have ended."""
    return " requests, " in progress and not progress.startswith("0 ")

"""What holds for every test."""

import os
import signal

from hypothesis import HealthCheck, settings

# How long an example takes, or is drawn, says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Take SIGINT as a terminal's Ctrl-C, and SIGHUP as its end, which tests send.

    A shell that starts a job in the background lets it ignore the one, and nohup the other.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: a third of a run is spent waiting for other processes."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes after their argument where they are no text: packed bytes carry a time, and workers must collect the same names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None

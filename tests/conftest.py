"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """Take SIGINT as a terminal's Ctrl-C: a shell that starts a job in the background lets it ignore that, and tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

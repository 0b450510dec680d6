"""What holds for every test."""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes, or is drawn, says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Take SIGINT as a terminal's Ctrl-C: a shell that starts a job in the background lets it ignore that, and tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

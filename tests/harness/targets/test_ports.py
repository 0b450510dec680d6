"""The port that is chosen for somebody else: not one that the kernel gives to the next connection meanwhile."""

import socket
from contextlib import closing

import pytest

from harness.targets import ports


def test_a_chosen_port_is_none_that_a_connection_may_take() -> None:
    """Whatever connects or asks for any port before the one for whom it was chosen listens takes another."""
    assert all(ports.free_port() in ports.CHOSEN for _ in range(200))


def test_a_port_that_is_taken_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody listens on each of those, the kernel is asked for another."""
    with closing(socket.create_server((ports.LOCAL, 0))) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "CHOSEN", range(port, port + 1))
        monkeypatch.setattr(ports, "TRIES", 1)
        assert ports.free_port() != port

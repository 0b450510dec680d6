"""Ports of this machine."""

import socket

LOCAL = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now; a stranger who takes it first keeps from starting whoever was to have it."""
    with socket.socket() as listener:
        listener.bind((LOCAL, 0))
        port: int = listener.getsockname()[1]
        return port

"""Ports of this machine."""

import random
import socket

LOCAL = "127.0.0.1"

CHOSEN = range(20_000, 30_000)
"""Below the ports that a kernel gives to connections by itself (Linux from 32768, IANA from 49152, RFC 6335), where nobody
has widened these: one that was chosen there is taken meanwhile only by somebody who chooses it, too, and not by the next
connection that is made."""

TRIES = 100

_draws = random.SystemRandom()
"""Two runs with one seed are not to choose one port."""


def free_port() -> int:
    """A port that nobody listens on now; a stranger who takes it first keeps from starting whoever was to have it."""
    for port in (*_draws.sample(CHOSEN, TRIES), 0):
        with socket.socket() as listener:
            try:
                listener.bind((LOCAL, port))
            except OSError:
                continue
            chosen: int = listener.getsockname()[1]
            return chosen
    raise OSError(f"no port of {LOCAL} is free")

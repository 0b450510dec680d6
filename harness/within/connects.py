"""Connections that this process is refused while it waits for them without a time: of those no kernel tells."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.inside import Inside
from harness.window import Window
from harness.within.stacked import Stacked

HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedConnects:
    """Counts the refused connections to a port of the loopback that this process waited for (`harness.rig.Entering`).

    With `timed` those count too that it gave a time, for a system whose kernel tells of none
    (`harness.network.refusals`). It breaks nothing, and what does not wait, as an event loop, is not seen here.
    """

    port: int
    timed: bool = False
    window: Window = field(default_factory=Window)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Count, until the block ends."""

        def refused(one: socket.socket, address: Any) -> None:
            patience_s = one.gettimeout()
            waited = patience_s is None or (self.timed and patience_s > 0)
            if waited and address[0] in HOSTS and address[1] == self.port:
                inside.fired(f"a connection to port {self.port} was refused")

        with GATE.around(refused):
            yield


class ConnectGate:
    """Stands in for `connect` of all Python's sockets, from the first who wants to know of refusals to the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: Stacked[Callable[[socket.socket, Any], None]] = Stacked()
        self._before: Any = None
        self._ours: Any = None
        self._count = 0

    @contextmanager
    def around(self, refused: Callable[[socket.socket, Any], None]) -> Iterator[None]:
        """Tell of each refusal, in the thread that met it, until the block ends."""
        with self._told.holding(refused):
            self._change(1)
            try:
                yield
            finally:
                self._change(-1)

    def _change(self, by: int) -> None:
        """Count who wants to know, and stand there or not."""
        with self._lock:
            self._count += by
            if by > 0 and self._count == 1:
                self._before = socket.socket.connect
                self._ours = self._connecting(self._before)
                type.__setattr__(socket.socket, "connect", self._ours)
            elif not self._count and socket.socket.connect is self._ours:  # else another stands before it
                type.__setattr__(socket.socket, "connect", self._before)

    def _connecting(
        self, before: Callable[[socket.socket, Any], None]
    ) -> Callable[[socket.socket, Any], None]:
        def connect(one: socket.socket, address: Any) -> None:
            try:
                before(one, address)
            except ConnectionRefusedError:
                for told in self._told.now:
                    told(one, address)
                raise

        return connect


GATE = ConnectGate()

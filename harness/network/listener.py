"""A port of the loopback that can refuse connections, or never accept them, and stays ours meanwhile."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from harness.errors import InvalidRun

HOST = "127.0.0.1"
BACKLOG = 1024
FILLING_TRIES_MAX = 1000
RETRY_S = 0.01
SO_MEMINFO = 55
"""Linux: nine counters of a socket, the last of them how many SYNs it dropped (linux/sock_diag.h)."""


class Listener:
    """A listening socket; each connection is handed to `accepted`, already non-blocking.

    To hang it stops accepting, makes its backlog as small as it gets and fills that itself: the kernel then drops
    every SYN, as a host does that is overrun or gone, and the client's connect waits. A client that is still there
    when this ends gets in with its next SYN.
    """

    def __init__(self, accepted: Callable[[socket.socket], None]) -> None:
        self._accepted = accepted
        self._socket = bound(0)
        self.port: int = self._socket.getsockname()[1]
        self._retry: asyncio.TimerHandle | None = None
        self._fillers: list[socket.socket] = []
        self._known: int | None = None  # while it hangs, the dropped SYNs that were told of

    def listen(self) -> None:
        """Accept connections.

        Raises:
            InvalidRun: the port was lost, and still is.
        """
        self._stop()
        if self._socket.fileno() < 0:
            self._take()
        self._socket.listen(BACKLOG)
        self._watch()

    def refuse(self) -> None:
        """Listen no more: the kernel answers a SYN with RST.

        Raises:
            InvalidRun: the port cannot be kept.
        """
        self._stop()
        self._unfill()
        self._socket.close()
        self._take()

    async def hang(self) -> None:
        """Answer no SYN.

        Raises:
            InvalidRun: the kernel goes on accepting, or cannot tell what it drops.
        """
        self._stop()
        self._socket.listen(0)
        before = self._dropped()
        for _ in range(FILLING_TRIES_MAX):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((HOST, self.port))
            self._fillers.append(filler)
            await asyncio.sleep(0.001)
            if self._dropped() > before:
                break
        else:
            raise InvalidRun(f"port {self.port} goes on accepting; play connect_hang on Linux")
        for filler in [one for one in self._fillers if not _connected(one)]:
            filler.close()  # it would send its SYN again, and be taken for a client
            self._fillers.remove(filler)
        self._known = self._dropped()

    def unanswered(self) -> int:
        """How many SYNs went unanswered since this was last asked; a client sends its own again, first after 1 s."""
        known = self._known
        if known is None:
            return 0
        self._known = self._dropped()
        return self._known - known

    def close(self) -> None:
        """Let go of the port."""
        self._stop()
        self._unfill()
        self._socket.close()

    def _take(self) -> None:
        """Take the port back."""
        try:
            self._socket = bound(self.port)
        except OSError as error:
            raise InvalidRun(f"port {self.port} cannot be taken back ({error.strerror})") from error

    def _dropped(self) -> int:
        try:
            counters = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
            return int(struct.unpack("9I", counters)[8])
        except (OSError, struct.error) as error:
            raise InvalidRun(
                "the kernel does not tell of dropped SYNs; play connect_hang on Linux"
            ) from error

    def _watch(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        """Hand over a connection that came in; what fills the backlog is thrown away."""
        try:
            accepted, peer = self._socket.accept()
        except (BlockingIOError, ConnectionError):  # a client that left at once
            return
        except OSError:  # too many open files: they become fewer, or nothing can be done
            self._stop()
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._watch)
            return
        accepted.setblocking(False)
        for filler in self._fillers:
            if filler.getsockname() == peer:
                accepted.close()
                filler.close()
                self._fillers.remove(filler)
                return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted(accepted)

    def _stop(self) -> None:
        """Accept no more."""
        self._known = None
        if self._socket.fileno() >= 0:  # closed where its port could not be taken back
            asyncio.get_running_loop().remove_reader(self._socket)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _unfill(self) -> None:
        """End our own connections."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()


def _connected(one: socket.socket) -> bool:
    """Whether a socket of ours has a peer."""
    with contextlib.suppress(OSError):
        one.getpeername()
        return True
    return False


def bound(port: int) -> socket.socket:
    """A socket that is bound and does not listen: connecting to it is refused, and the port stays ours."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
    except OSError:
        made.close()
        raise
    return made

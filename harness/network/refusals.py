"""Connections that were refused, as the kernel tells of them: who listens is never told that somebody was sent away."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

HOST = "127.0.0.1"
SOCK_DIAG = 4
TCP_GONE = 1 << 0 | 1 << 2
"""Linux: the groups that are told of each TCP socket as it goes, over IPv4 and IPv6 (linux/sock_diag.h)."""

READ_BYTES = 64 * 1024
OWN_S_MAX = 1.0
"""How long news of a socket of our own is waited for."""
OTHERS_S = 0.1
"""The kernel tells of sockets from a queue a processor, and no event says that another one's queue is empty."""

_MESSAGE = struct.Struct("=IHHII")
_SOCKET = struct.Struct("!BBBBHH")
_ATTRIBUTE = struct.Struct("=HH")
_ADDRESS = {socket.AF_INET: slice(40, 44), socket.AF_INET6: slice(52, 56)}
"""Where a message has the last four bytes of the peer's address."""

_BEHIND_SOCKET = 16 + 72
_INFO = 2
_ACCOUNT = struct.Struct("=QQII")
_ACCOUNT_AT = 4 + 120
"""TCP's own account of a socket: bytes acknowledged (the SYN too) and received, segments out and in (linux/tcp.h)."""


@asynccontextmanager
async def refusals(port: int, refused: Callable[[], None]) -> AsyncIterator[None]:
    """While open, call `refused` for each connection to a port of the loopback that was refused; open it meanwhile.

    A socket that heard something, and goes without one byte acknowledged, was sent away. Whoever waits in `connect` for ever, without a
    time, is not seen here: the kernel forgets the port of such a socket before it goes. Elsewhere than on Linux nobody
    is. It needs no privilege, since it is what `ss --events` shows.
    """
    line = _line()
    if line is None:
        yield
        return
    with line:
        loop = asyncio.get_running_loop()
        news = _News(line, port, refused)
        loop.add_reader(line, news.read)
        try:
            yield
            await news.caught_up()
        finally:
            loop.remove_reader(line)


def told() -> bool:
    """Whether there is a kernel here that tells."""
    line = _line()
    if line is not None:
        line.close()
    return line is not None


def _line() -> socket.socket | None:
    """A line on which the kernel tells of sockets; None on another system, or where it may not be had."""
    with contextlib.ExitStack() as unused, contextlib.suppress(AttributeError, OSError):
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        line = unused.enter_context(socket.socket(socket.AF_NETLINK, kind, SOCK_DIAG))
        line.bind((0, TCP_GONE))
        unused.pop_all()
        return line
    return None


class _News:
    """What comes in on a line of the kernel."""

    def __init__(self, line: socket.socket, port: int, refused: Callable[[], None]) -> None:
        self._line = line
        self._port = port
        self._refused = refused
        self._own_port = 0
        self._own_gone = asyncio.Event()

    def read(self) -> None:
        """Take in what there is."""
        with contextlib.suppress(OSError):  # nothing more, or so much that some of it was lost
            while True:
                for port in _refused_in(self._line.recv(READ_BYTES)):
                    if port == self._port:
                        self._refused()
                    elif port == self._own_port:
                        self._own_gone.set()

    async def caught_up(self) -> None:
        """Be refused oneself, elsewhere, and wait until that is told: so is then, or a moment later, whatever was before."""
        with socket.socket() as held:
            held.bind((HOST, 0))
            self._own_port = held.getsockname()[1]
            with socket.socket() as own:
                own.setblocking(False)
                own.connect_ex((HOST, self._own_port))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OWN_S_MAX):
                    await self._own_gone.wait()
            await asyncio.sleep(OTHERS_S)


def _refused_in(news: bytes) -> Iterator[int]:
    """The ports of the loopback to which connections were refused."""
    while len(news) >= _BEHIND_SOCKET:
        size = _MESSAGE.unpack_from(news)[0]
        family, _, _, _, _, port = _SOCKET.unpack_from(news, _MESSAGE.size)
        where = _ADDRESS.get(family)
        there = where is not None and news[where] == socket.inet_aton(HOST)
        if there and _sent_away(news[_BEHIND_SOCKET:size]):
            yield port
        news = news[max(size, _BEHIND_SOCKET) :]


def _sent_away(attributes: bytes) -> bool:
    """Whether a socket got an answer to its SYN, and that was no acknowledgement."""
    while len(attributes) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _INFO and size >= _ACCOUNT_AT + _ACCOUNT.size:
            acknowledged, _, _, segments_in = _ACCOUNT.unpack_from(attributes, _ACCOUNT_AT)
            return bool(acknowledged == 0 and segments_in > 0)
        attributes = attributes[max(_ATTRIBUTE.size, (size + 3) & ~3) :]
    return False

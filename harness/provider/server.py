"""The provider over TCP: a listener on the loopback of its own, whose wire can really refuse."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from harness.errors import InvalidRun, UsageError
from harness.provider.connection import Connection
from harness.provider.endpoint import Endpoint
from harness.provider.script import Script
from harness.provider.witness import Witness
from harness.wire import Passage

HOST = "127.0.0.1"
CONNECTIONS_MAX = 2048
BACKLOG = 1024


class ProviderServer:
    """The provider at `base_url`, from the block's beginning to its end; it is also the network seam of a live run.

    `port` 0 takes a free one. Beyond `connections_max` open connections a new one is answered with 503 and closed.

    Raises:
        UsageError: on entry, the port is taken.
        InvalidRun: on exit, a rule crashed while it answered, so that what was observed cannot be trusted.
    """

    def __init__(
        self,
        script: Script,
        witness: Witness,
        *,
        fired: Callable[[str, str], None],
        port: int = 0,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.witness = witness
        self._endpoint = Endpoint(script, witness)
        self._fired = fired
        self._port = port
        self._connections_max = connections_max
        self._connections: set[Connection] = set()
        self._passages: dict[int, Passage] = {}
        self._crash: BaseException | None = None
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._refusing = 0
        self._listening = False

    @property
    def port(self) -> int:
        """The port, which stays the same whatever is refused meanwhile."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"http://{HOST}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        try:
            bound = _bound(self._port)
        except OSError as error:
            raise UsageError(f"provider port {self._port}: {error.strerror}; name another, or 0") from error
        self._port = bound.getsockname()[1]
        await self._listen(bound)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._unlisten()
        await self._cut()
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._crash is not None:
            crash = self._crash
            raise InvalidRun(f"the provider crashed: {type(crash).__name__}: {crash}") from crash

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """While open, connecting is refused by the wire, and connections that are open when it begins are cut.

        Each that is cut is a firing. A refused connection cannot be one: nothing here learns that somebody tried.

        Raises:
            InvalidRun: the wire does not refuse, or does not accept again afterwards: both are tried.
        """
        self._refusing += 1
        cut = len(self._connections)
        try:
            if self._refusing == 1:
                await self._close_down(fault)
            if await self._accepts():
                raise InvalidRun(f"{fault}: something still listens on port {self._port}")
            for _ in range(cut):
                self._fired(fault, "an open connection to the provider was cut")
            yield
        finally:
            self._refusing -= 1
            if not self._refusing:
                await self._open_up(fault)

    async def _close_down(self, fault: str) -> None:
        """Close the listener and its connections, and hold the port so that nobody else gets it meanwhile."""
        for connection in self._connections:
            if connection.call is not None:
                self.witness.shaped(connection.call, fault)
        self._unlisten()
        await self._cut()
        try:
            self._held = _bound(self._port)
        except OSError as error:
            raise InvalidRun(f"{fault}: port {self._port} cannot be taken back ({error.strerror})") from error

    async def _open_up(self, fault: str) -> None:
        """Listen again on the port that was held."""
        held, self._held = self._held, None
        if held is None:
            return
        await self._listen(held)
        if not await self._accepts():
            raise InvalidRun(f"{fault}: port {self._port} does not accept again")

    async def _listen(self, bound: socket.socket) -> None:
        """Accept connections on a socket that is bound."""
        self._listening = True
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=bound, backlog=BACKLOG)

    def _unlisten(self) -> None:
        """Accept no more."""
        self._listening = False
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accepts(self) -> bool:
        """Try to connect; the connection is off the list again when this returns, so that it counts as nobody's."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
        except ConnectionRefusedError:
            return False
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        return True

    def passage(self, port: int) -> Passage:
        """For a proxy that connects from that port: where it tells what was done to which request."""
        made = self._passages[port] = Passage(self.witness.shaped)
        return made

    def _connection(self) -> Connection:
        """A protocol for a new connection."""
        return Connection(
            self._endpoint,
            opened=self._opened,
            closed=self._connections.discard,
            crashed=self._crashed,
            passage=lambda port: self._passages.pop(port, None) or Passage(self.witness.shaped),
        )

    def _opened(self, connection: Connection) -> bool:
        """Count a connection in; False where it is one too many, or too late, and is to go."""
        fits = self._listening and len(self._connections) < self._connections_max
        self._connections.add(connection)
        return fits

    def _crashed(self, error: BaseException) -> None:
        """Keep the first crash of a rule for the end of the run."""
        self._crash = self._crash or error

    async def _cut(self) -> None:
        """End all connections and the answers that they carry, and see them gone."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.gone()


def _bound(port: int) -> socket.socket:
    """A socket that is bound and does not listen: connecting to it is refused, and the port stays ours."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound

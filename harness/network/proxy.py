"""A TCP proxy of the loopback whose toxics are stacked, and taken away in any order, while connections are open."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from harness.errors import InvalidRun, UsageError
from harness.network.connection import Connection, reset
from harness.network.listener import HOST, Listener
from harness.network.refusals import refusals
from harness.rig import Window
from harness.wire import Applied, Passage, Toxic

CONNECTIONS_MAX = 2048
LOOK_S = 0.02
"""How often the kernel is asked for the SYNs that went unanswered."""


class Proxy:
    """In front of a server of the loopback, from the block's beginning to its end; `link` is what firings call it.

    `fired` is told a fault's name and on what it fired, and `passage` asked where to tell what was done to which request
    that comes from a port; without it nobody is told. Beyond 2048 open connections a new one is reset, and so is one
    whose server is not there. All draws follow from `seed`.

    Raises:
        InvalidRun: on exit, the proxy itself went wrong, so that what was observed cannot be trusted.
    """

    def __init__(
        self,
        link: str,
        *,
        upstream: int,
        fired: Callable[[str, str], None],
        passage: Callable[[int], Passage] = lambda _port: Passage(lambda _ordinal, _fault: None),
        seed: str = "",
    ) -> None:
        self._link = link
        self._upstream = upstream
        self._changing = asyncio.Lock()
        self._fired = fired
        self._passage = passage
        self._seed = seed
        self._opened = 0
        self._shapings = 0
        self._running: dict[asyncio.Task[None], Connection] = {}
        self._open: list[Connection] = []
        self._applied: list[Applied] = []
        self._refusing: list[str] = []
        self._unmissed: list[str] = []
        self._hanging: list[str] = []
        self._crash: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._listener = Listener(self._accepted)
        self._listener.listen()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._listener.close()
        await self._cut()
        if self._crash is not None:
            crash = self._crash
            raise InvalidRun(f"the proxy crashed: {type(crash).__name__}: {crash}") from crash

    @property
    def port(self) -> int:
        """Where it listens; it stays the same whatever is refused meanwhile."""
        return self._listener.port

    @asynccontextmanager
    async def shaped(self, fault: str, toxic: Toxic, window: Window) -> AsyncIterator[None]:
        """While open, do what `toxic` says to the connections that `window` lets through, those that are open first.

        Raises:
            UsageError: no wire could do it.
            InvalidRun: `connect` is `hang`, and the kernel goes on accepting.
        """
        if toxic.connect == "unresolved":
            raise UsageError(
                f"{fault}: here is an address and no name that could be unresolved; play it simulated"
            )
        self._shapings += 1
        stream = random.Random(f"{self._seed}-shaping-{self._shapings}")
        applied = Applied(fault, toxic, window, stream=stream, fired=self._fired)
        async with self._hung(fault) if toxic.connect == "hang" else contextlib.nullcontext():
            self._applied.append(applied)
            try:
                for connection in tuple(self._open):
                    _meet(connection, applied)
                yield
            finally:
                self._applied.remove(applied)
                for connection in tuple(self._open):
                    connection.part(applied)

    @asynccontextmanager
    async def refused(self, fault: str) -> AsyncIterator[None]:
        """While open, connecting is refused by the wire; connections that are open when it begins end.

        A connection that is refused is a firing, where the kernel tells of it (`harness.network.refusals`), and so is one
        that ends with a request on its way. One that ends at rest is a firing once another one is opened for it.
        """

        def refused() -> None:
            if fault in self._unmissed:  # who is refused has missed what was cut: that is one firing
                self._unmissed.remove(fault)
            self._fired(fault, f"a connection of the {self._link} link was refused")

        self._refusing.append(fault)
        try:
            for busy in await self._changed(fault):
                if busy:
                    self._fired(fault, f"an open connection of the {self._link} link was cut")
                else:
                    self._unmissed.append(fault)
            async with refusals(self.port, refused):
                yield
        finally:
            self._refusing.remove(fault)
            await self._changed(fault)

    @asynccontextmanager
    async def _hung(self, fault: str) -> AsyncIterator[None]:
        """While open, no SYN is answered: each of those is a firing, and so is an open call that ends by its beginning."""
        self._hanging.append(fault)
        looking = asyncio.ensure_future(self._look())
        try:
            for busy in await self._changed(fault):
                if busy:
                    self._fired(fault, f"an open connection of the {self._link} link was cut")
            yield
        finally:
            looking.cancel()
            try:
                self._tell()
            finally:
                self._hanging.remove(fault)
                await self._changed(fault)

    async def _changed(self, fault: str) -> list[bool]:
        """Refuse, hang or listen, as the faults that are there want it, of which one has come or gone.

        Gives for each connection that was ended for it, and had been used, whether a request was on its way.
        """
        async with self._changing:  # of two faults that come and go together each finds the listener whole
            if not (self._refusing or self._hanging):
                self._listener.listen()
                return []
            self._tell()
            self._listener.refuse()
            cut = [connection.busy for connection in self._open if connection.used]
            for connection in self._open:
                if connection.busy:
                    connection.touched(fault)
            await self._cut()
            if not self._refusing:
                await self._listener.hang()
            return cut

    async def _look(self) -> None:
        """Ask again and again for SYNs that went unanswered, so that each is told when it was sent."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._tell()

    def _tell(self) -> None:
        """Tell of the SYNs that went unanswered."""
        for _ in range(self._listener.unanswered()):
            self._fired(self._hanging[-1], f"a connection of the {self._link} link was not accepted")

    def _accepted(self, client: socket.socket) -> None:
        """A client has come."""
        if len(self._running) >= CONNECTIONS_MAX:
            reset(client)
            return
        self._opened += 1
        name = f"connection {self._opened} of the {self._link} link"
        stream = random.Random(f"{self._seed}-{name}")
        connection = Connection(name, client, stream=stream, crashed=self._crashed, passage=self._passage)
        task = asyncio.ensure_future(connection.run((HOST, self._upstream), self._established))
        self._running[task] = connection
        task.add_done_callback(self._ended)

    def _established(self, connection: Connection) -> None:
        """Both ends are there: the toxics meet it, and so does whoever misses one that was cut."""
        self._open.append(connection)
        if self._unmissed:
            what = f"an open connection of the {self._link} link was cut, and another one was opened for it"
            self._fired(self._unmissed.pop(0), what)
        for applied in self._applied:
            applied.missed()
            _meet(connection, applied)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        connection = self._running.pop(task)
        if connection in self._open:
            self._open.remove(connection)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crashed(error)

    def _crashed(self, error: BaseException) -> None:
        """Keep the first crash for the end."""
        self._crash = self._crash or error

    async def _cut(self) -> None:
        """End all connections and see them gone."""
        for connection in self._running.values():
            connection.end(reset=False)
        if self._running:
            await asyncio.wait(tuple(self._running))


def _meet(connection: Connection, applied: Applied) -> None:
    """Let a toxic act on a connection, if its window lets that one through."""
    if applied.lets_through():
        connection.meet(applied)

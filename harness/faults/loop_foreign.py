"""A second server in the target's own process, on an event loop of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.client_base import HELD, clients
from harness.faults.loop_base import InsideFault
from harness.faults.loop_reports import nothing_reported
from harness.inside import App, Inside, Message, Receive, Send
from harness.registry import Invariant, fault
from harness.rig import Client, Incoming, Outgoing, Rig, check
from harness.scenario import CANARY

MARK = "x-shakeout-second"
"""A request with this header is for the second server."""

ANSWERED = (*HELD, 409, 429)
MESSAGE = f"What about {CANARY}?"


@fault("loop.foreign", needs=("inside", "factory"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopForeign(InsideFault):
    """A second server runs in the target's process, in a thread with a loop of its own, as under a test or a script.

    The app is built once more by its factory. Beside each turn of the window the second server is given `turns` others,
    together, so that the locks, clients and pools that both have are wanted on both loops at once: what belongs to the
    other loop shows itself then (sanic#1388, cognee#2938, fastapi#5790). Both must answer. At the end the second is
    shut down, and the first has to go on without it.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (nothing_reported,)
    by_clients: ClassVar[bool] = True

    turns: int = 3

    def __post_init__(self) -> None:
        check("turns", self.turns, 1, 100)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Start the second server, and send it turns; it has ended when the block ends.

        Raises:
            UsageError: there is no way into the target's process, or its app is built by no factory.
        """
        if rig.inside is None:
            raise UsageError(f"{self.name} works within the target's process; name its app in the profile")

        async def together(outgoing: Outgoing, client: Client) -> Incoming:
            others = [client.another(MESSAGE, session="") for _ in range(self.turns)]
            incoming, *_ = await asyncio.gather(
                client.send(outgoing), *(client.beside(_marked(one), expected=ANSWERED) for one in others)
            )
            return incoming

        rule = clients(rig, self.name).wrapped(self.name, together, self.window)
        async with rig.inside.entered(self.name, self), rule:
            yield

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Start the second server, and let it have what is marked as its own.

        Raises:
            UsageError: the app is built by no factory.
        """
        mark = (MARK.encode(), b"1")
        with inside.second() as second:

            async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
                if mark not in scope["headers"]:
                    await app(scope, receive, send)
                    return
                inside.fired("a turn on the second server")
                await second(scope, receive, send)

            with inside.around_requests(rule):
                yield


def _marked(outgoing: Outgoing) -> Outgoing:
    """The request, for the second server."""
    return replace(outgoing, headers={**outgoing.headers, MARK: "1"})

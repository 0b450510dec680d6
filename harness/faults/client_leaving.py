"""Clients that leave before their answers, at a point of their turns that the provider's calls tell, or after a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle

from harness.faults.base import ALWAYS, closed
from harness.faults.client_base import ClientFault, clients
from harness.history import IDEMPOTENCY_KEY
from harness.registry import fault
from harness.rig import LEFT, Answer, Call, Client, Clock, Incoming, Outgoing, Reply, Rig, check
from harness.variants import chosen

LOOK_EVERY_S = 0.001
SOONEST_S = 0.002
"""Before this a request has hardly arrived."""

NOTICED_S = 0.2
"""So long a service has to notice that its client is gone, before the call that it makes for it is answered."""

HELD_S_MAX = 0.3
"""For no longer is a call held back for what others do."""

UNTOLD_SHARE = 0.25
"""After so much of a turn's time its client leaves, where no call tells of a point."""

LEAVES = {
    "before_reply": (True, True, True, False),
    "between_calls": (True, True, True, False),
    "during_commit": (False, True, True, True, True),
}
"""Who leaves. One stays to the end now and then: somebody sees what became of the rest, and what a whole turn takes."""


class _Keys:
    """The requests that were sent under a key: what comes again under one is waited for."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, bytes]] = set()

    def is_again(self, outgoing: Outgoing) -> bool:
        """Whether this came before; it is noted."""
        sent = (outgoing.headers.get(IDEMPOTENCY_KEY, ""), outgoing.body)
        again = sent[0] != "" and sent in self._seen
        self._seen.add(sent)
        return again


class _Turn:
    """A turn that is being sent; it may be told of its calls from any thread."""

    def __init__(self, outgoing: Outgoing, message: str, *, leaves: bool) -> None:
        self.request_id = outgoing.headers["x-request-id"]
        self.message = message
        self.leaves = leaves
        self.asked = self.answered = self.own = 0
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        """Wake up who waits for it; while it is being sent its loop is there."""
        self._loop.call_soon_threadsafe(self.changed.set)

    def has(self, call: Call) -> bool:
        """Whether a call is made for it: by its id, or by what is said in the call."""
        if call.request_id == self.request_id:
            return True
        return self.message != "" and any(self.message in text for text in _texts(call.body))


class _Course:
    """How turns go: which call is whose, when their clients leave, and what those who stay teach of it."""

    def __init__(self, point: str, clock: Clock) -> None:
        self._point = point
        self._clock = clock
        self._turns: list[_Turn] = []
        self._over: list[_Turn] = []
        self._leaves = cycle(LEAVES[point])
        self._keys = _Keys()
        self._told = False
        self._calls: int | None = None
        self._took_s: float | None = None

    async def leaving(self, outgoing: Outgoing, client: Client) -> Incoming:
        """Send a turn, and leave at the point, if this client is one that does."""
        again = self._keys.is_again(outgoing)
        turn = _Turn(outgoing, client.message, leaves=not again and next(self._leaves))
        with self._sent(turn):
            began_s = self._clock.monotonic()
            if not turn.leaves:
                incoming = await client.send(outgoing)
                self._calls = turn.own or self._calls
                return incoming
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(client.send(outgoing))
                patience = group.create_task(self._point_of(turn))
                await asyncio.wait((sending, patience), return_when=asyncio.FIRST_COMPLETED)
                sending.cancel()
                patience.cancel()
        if not sending.cancelled():
            self._took_s = self._clock.monotonic() - began_s
            return sending.result()
        client.fired()
        return Incoming(status=None, error=LEFT)

    async def calling(self, call: Call, answer: Answer) -> Reply:
        """Tell the turns of a call, which is answered when those of their clients that leave in it are gone."""
        self._told = True
        turns = self._turns_of(call)
        for turn in turns:
            turn.asked += 1
            turn.tell()
        reply = await answer(call)
        if self._point == "during_commit" and turns and all(turn.leaves for turn in turns):
            await self._while(lambda: self._calls is None and any(not one.leaves for one in self._turns))
        leaving = [turn for turn in turns if turn.leaves and self._is_there(turn)]
        await self._while(lambda: any(turn in self._turns for turn in leaving))
        if leaving:
            await self._clock.sleep(NOTICED_S)
        for turn in turns:
            if turn in self._turns:
                turn.answered += 1
                turn.own += turn.has(call)
                turn.tell()
        return reply

    def _turns_of(self, call: Call) -> list[_Turn]:
        """The turns that a call is made for; where nothing is known of it, any that is being sent."""
        own = [turn for turn in self._turns if turn.has(call)]
        if own or any(turn.has(call) for turn in self._over):
            return own
        return list(self._turns)

    @contextmanager
    def _sent(self, turn: _Turn) -> Iterator[None]:
        """While the turn is being sent."""
        self._turns.append(turn)
        try:
            yield
        finally:
            self._turns.remove(turn)
            self._over.append(turn)

    def _is_there(self, turn: _Turn) -> bool:
        """Whether a turn has come to the point."""
        match self._point:
            case "before_reply":
                return turn.asked > 0
            case "between_calls":
                return turn.answered > 0
            case _:
                return turn.answered >= (self._calls or 1)

    async def _point_of(self, turn: _Turn) -> None:
        """Wait for the point: in a call, behind the first one, or behind the last one."""
        if self._took_s is not None and not self._told:
            await self._clock.sleep(max(LOOK_EVERY_S, self._took_s * UNTOLD_SHARE))
            return
        while not self._is_there(turn):
            await turn.changed.wait()
            turn.changed.clear()

    async def _while(self, holds: Callable[[], bool]) -> None:
        """Wait as long as this is so, if that is not too long."""
        waited_s = 0.0
        while holds() and waited_s < HELD_S_MAX:
            await self._clock.sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S


@fault("client.disconnect", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisconnect(ClientFault):
    """Clients leave before their answers: at a `point` of the turn that the provider's calls for it tell.

    `before_reply` is while the provider is asked, and the call is answered a while after; `between_calls` is as it has
    answered for the first time, `during_commit` for the last, of as many calls as the first turn takes, which is waited
    for. A call is the turn's that has its id or holds its message; one of which neither is known may be of any. Where the
    provider tells of no call, as that of a service that is a URL, clients leave in a quarter of the time of one before.
    What a client does not wait for must end, or be kept whole.
    """

    point: str = chosen("before_reply", "between_calls", "during_commit")

    @property
    def needs_also(self) -> frozenset[str]:
        """A later point than the first is told by the provider's calls alone."""
        return frozenset() if self.point == "before_reply" else frozenset({"provider"})

    def __post_init__(self) -> None:
        closed(self, "point")

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        return self._leaving(rig, _Course(self.point, rig.clock))

    @asynccontextmanager
    async def _leaving(self, rig: Rig, course: _Course) -> AsyncIterator[None]:
        """Leave at the point, and watch for it."""
        async with (
            rig.provider.wrapped(self.name, course.calling, ALWAYS, on_wire=True, tells=True),
            clients(rig, self.name).wrapped(self.name, course.leaving, self.window, tells=True),
        ):
            yield


@fault("client.disconnect_mid_stream", needs=("streams",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisconnectMidStream(ClientFault):
    """Clients of streams leave up to `after_s` seconds after they have asked (2 ms at least), when they may have a part of the answer.

    Of four one leaves then, one at 0.4 of that, one at a tenth, and one stays. Where an answer came first, all later
    ones leave within nine tenths of its time.
    """

    after_s: float = 0.03

    def __post_init__(self) -> None:
        check("after_s", self.after_s, 0.001, 3600)

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        shares, keys, most_s = cycle((1.0, 0.4, 0.1, None)), _Keys(), self.after_s

        async def leaving(outgoing: Outgoing, client: Client) -> Incoming:
            nonlocal most_s
            is_stream = outgoing.headers.get("accept") == "text/event-stream"
            share = next(shares) if is_stream and not keys.is_again(outgoing) else None
            began_s = rig.clock.monotonic()
            leave_s = None if share is None else max(SOONEST_S, min(self.after_s * share, most_s))
            incoming = await client.send(outgoing, leave_after_s=leave_s)
            if incoming.status is not None and leave_s is not None:
                most_s = min(most_s, 0.9 * (rig.clock.monotonic() - began_s))
            return incoming

        return clients(rig, self.name).wrapped(self.name, leaving, self.window)


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for held in value.values() if isinstance(value, dict) else value:
            yield from _texts(held)

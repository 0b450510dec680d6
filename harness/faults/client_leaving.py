"""Clients that leave before their answers, at a point of their turns that the provider's calls tell, or after a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle

from harness.faults.base import ALWAYS, closed
from harness.faults.client_base import KEY, ClientFault, clients
from harness.registry import fault
from harness.rig import LEFT, Answer, Call, Client, Clock, Incoming, Outgoing, Reply, Rig, check
from harness.variants import chosen

LOOK_EVERY_S = 0.001
SOONEST_S = 0.002
"""Before this a request has hardly arrived."""

NOTICED_S = 0.2
"""So long a service has to notice that its client is gone, before the call that it makes for it is answered."""

GONE_S_MAX = 1.0
LEAVES = (True, True, True, False)
"""Of four clients one stays to the end: somebody sees what became of the rest."""


class _Keys:
    """The requests that were sent under a key: what comes again under one is waited for."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, bytes]] = set()

    def is_again(self, outgoing: Outgoing) -> bool:
        """Whether this came before; it is noted."""
        sent = (outgoing.headers.get(KEY, ""), outgoing.body)
        again = sent[0] != "" and sent in self._seen
        self._seen.add(sent)
        return again


class _Turn:
    """A turn that is being sent; it may be told of its calls from any thread."""

    def __init__(self, outgoing: Outgoing, message: str, *, leaves: bool) -> None:
        self.request_id = outgoing.headers["x-request-id"]
        self.message = message
        self.leaves = leaves
        self.asked = self.answered = 0
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        """Wake up who waits for it."""
        self._loop.call_soon_threadsafe(self.changed.set)


class _Course:
    """How turns go: which call is whose, when their clients leave, and what those who stay teach of it."""

    def __init__(self, point: str, clock: Clock) -> None:
        self._point = point
        self._clock = clock
        self._turns: list[_Turn] = []
        self._leaves = cycle(LEAVES)
        self._keys = _Keys()
        self._calls = 1

    async def leaving(self, outgoing: Outgoing, client: Client) -> Incoming:
        """Send a turn, and leave at the point, if this client is one that does."""
        stays = self._keys.is_again(outgoing) or not next(self._leaves)
        turn = _Turn(outgoing, client.message, leaves=not stays)
        with self._sent(turn):
            if stays:
                incoming = await client.send(outgoing)
                self._calls = turn.answered or self._calls
                return incoming
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(client.send(outgoing))
                patience = group.create_task(self._point_of(turn))
                await asyncio.wait((sending, patience), return_when=asyncio.FIRST_COMPLETED)
                sending.cancel()
                patience.cancel()
        if not sending.cancelled():
            return sending.result()
        client.fired()
        return Incoming(status=None, error=LEFT)

    async def calling(self, call: Call, answer: Answer) -> Reply:
        """Tell the turns of a call, which is answered when those of their clients that leave in it are gone."""
        turns = [turn for turn in self._turns if _is_of(call, turn)] or list(self._turns)
        for turn in turns:
            turn.asked += 1
            turn.tell()
        leaving = [turn for turn in turns if turn.leaves and self._is_there(turn)]
        reply = await answer(call)
        await self._gone(leaving)
        for turn in turns:
            turn.answered += 1
            turn.tell()
        return reply

    @contextmanager
    def _sent(self, turn: _Turn) -> Iterator[None]:
        """While the turn is being sent."""
        self._turns.append(turn)
        try:
            yield
        finally:
            self._turns.remove(turn)

    def _is_there(self, turn: _Turn) -> bool:
        """Whether a turn has come to the point."""
        match self._point:
            case "before_reply":
                return turn.asked > 0
            case "between_calls":
                return turn.answered > 0
            case _:
                return turn.answered >= self._calls

    async def _point_of(self, turn: _Turn) -> None:
        """Wait for the point: in a call, behind the first one, or behind the last one."""
        while not self._is_there(turn):
            await turn.changed.wait()
            turn.changed.clear()

    async def _gone(self, leaving: Sequence[_Turn]) -> None:
        """Wait until the clients are gone, and what they asked had the time to notice it."""
        waited_s = 0.0
        while any(turn in self._turns for turn in leaving) and waited_s < GONE_S_MAX:
            await self._clock.sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S
        if leaving:
            await self._clock.sleep(NOTICED_S)


@fault("client.disconnect", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisconnect(ClientFault):
    """Clients leave before their answers: at a `point` of the turn that the provider's calls for it tell.

    `before_reply` is while the provider is asked, and the call is answered a while after; `between_calls` is as it has
    answered for the first time, `during_commit` for the last, of as many calls as a turn took that was waited for. What a
    client does not wait for must end, or be kept whole. A call is the turn's that has its id or holds its message; one of
    which neither is known may be of any.
    """

    point: str = chosen("before_reply", "between_calls", "during_commit")

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
    """Clients of streams leave up to `after_s` seconds after they have asked, when they may have a part of the answer.

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


def _is_of(call: Call, turn: _Turn) -> bool:
    """Whether a call is made for a turn: by its id, or by what is said in it."""
    if call.request_id == turn.request_id:
        return True
    return turn.message != "" and any(turn.message in text for text in _texts(call.body))


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for held in value.values() if isinstance(value, dict) else value:
            yield from _texts(held)

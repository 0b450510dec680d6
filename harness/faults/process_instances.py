"""Two processes of one service on one store: they share out the turns, or one comes between the other's read and its append."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS, NO_PROCESS
from harness.faults.client_base import BUSY, HELD, clients
from harness.history import PROVIDER, WIRE, Exchange, History, UpstreamCall
from harness.reading import shaped
from harness.registry import INVARIANTS, Invariant, fault, oracle
from harness.rig import (
    Another,
    Answer,
    Call,
    Client,
    Incoming,
    InstanceSeam,
    Outgoing,
    Reply,
    Rig,
    Window,
    check,
)
from harness.verdict import Finding

HISTORY = "sessions.history_preserved"
CONFLICT = 409
EVERY_OTHER = Window(every_k=2)


@oracle("process.history_shared", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def history_shared(history: History) -> Iterable[Finding]:
    """`sessions.history_preserved`, where a turn need not know what was acknowledged after it began.

    Of two processes neither can know what the other appends after its own read.
    """
    moved = (_moved(one, history) if isinstance(one, UpstreamCall) else one for one in history.records)
    return INVARIANTS.get(HISTORY)(replace(history, records=tuple(moved)))


def _moved(call: UpstreamCall, history: History) -> UpstreamCall:
    """The call as if it had been made when its turn began."""
    began_s = (turn.at_s for turn in history.turns if made_by(turn, call))
    return replace(call, at_s=min(began_s, default=call.at_s))


@fault(
    "process.second_instance",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process", "sessions", "store"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSecondInstance:
    """A second process of the service runs on the same store, and the turns that `window` lets through go there.

    Those are every other one where it says nothing of it. A turn that the second process answered is a firing. What
    one process acknowledged the other must know (rasa#9213).
    """

    name: ClassVar[str]
    by_clients: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (history_shared,)
    excuses: ClassVar[tuple[str, ...]] = (HISTORY,)

    window: Window = EVERY_OTHER

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Start it on entry, end it on exit."""
        async with instances_of(rig, self.name).another(self.name) as second:

            async def elsewhere(outgoing: Outgoing, client: Client) -> Incoming:
                with second.taken() as base_url:
                    incoming = await client.send(replace(outgoing, base_url=base_url))
                if base_url and incoming.status is not None:
                    client.fired()
                return incoming

            async with clients(rig, self.name).wrapped(self.name, elsewhere, self.window, tells=True):
                yield


@oracle("store.conflict.met", witnesses={WIRE, PROVIDER})
def conflict_met(history: History) -> Iterable[Finding]:
    """A turn of whose session another writer advanced the head is held all the same, or refused with 409.

    It is one whose provider call the fault held up, while another turn of the session was acknowledged.
    """
    for turn in history.turns:
        held = [one for one in history.calls if made_by(turn, one) and shaped(one, "store.conflict")]
        met = any(_between(other, call) for call in held for other in _others(turn, history))
        if met and turn.status is not None and turn.status not in (*HELD, CONFLICT):
            message = f"another turn came between, and this one was answered {turn.status}"
            yield Finding(message=message, evidence=str(turn))


@fault(
    "store.conflict",
    stages=("live",),
    because=NO_PROCESS,
    needs=("process", "sessions", "store", "provider"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConflict:
    """Another writer appends `advance` turns to a session after a turn has read it and before that is appended.

    The writer is a second process of the service. The provider calls of each turn that `window` lets through are held
    up until the second process has answered the others; that one of those was acknowledged meanwhile is the firing. A
    turn that opens its session has nothing to conflict with.
    """

    name: ClassVar[str]
    by_clients: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (history_shared, conflict_met)
    excuses: ClassVar[tuple[str, ...]] = (HISTORY,)

    advance: int = 1
    window: Window = ALWAYS

    def __post_init__(self) -> None:
        check("advance", self.advance, 1, 100)

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """Start the other writer on entry, end it on exit."""
        async with instances_of(rig, self.name).another(self.name) as second:
            writer = _Writer(second, self.advance)
            async with (
                rig.provider.wrapped(self.name, writer.hold, ALWAYS, tells=True),
                clients(rig, self.name).wrapped(self.name, writer.meet, self.window, tells=True),
            ):
                yield


@dataclass(slots=True, eq=False)
class _Meeting:
    """A turn whose provider calls are held up until all is `done`; the first one has `asked`."""

    request_id: str
    message: str
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class _Writer:
    """The other writer, and the turns that it is to meet."""

    def __init__(self, second: Another, advance: int) -> None:
        self._second = second
        self._advance = advance
        self._meetings: list[_Meeting] = []

    async def hold(self, call: Call, answer: Answer) -> Reply:
        """Hold the calls of a turn that is to be met."""
        said = call.body.get("messages")
        for meeting in self._meetings:
            if _says(call.request_id, said, meeting.request_id, meeting.message):
                meeting.asked.set()
                await meeting.done.wait()
                break
        return await answer(call)

    async def meet(self, outgoing: Outgoing, client: Client) -> Incoming:
        """Send a turn, and those of the other writer once it has asked the provider."""
        if client.session_id is None:
            return await client.send(outgoing)
        meeting = _Meeting(outgoing.headers["x-request-id"], client.message)
        self._meetings.append(meeting)
        try:
            async with asyncio.TaskGroup() as group:
                own = group.create_task(client.send(outgoing))
                own.add_done_callback(lambda _: meeting.asked.set())
                group.create_task(self._come_between(meeting, own, client))
        finally:
            self._meetings.remove(meeting)
        return own.result()

    async def _come_between(self, meeting: _Meeting, own: "asyncio.Task[Incoming]", client: Client) -> None:
        """Append to the session, unless the turn was over without a call; then let it go on."""
        try:
            await meeting.asked.wait()
            with self._second.taken() as base_url:
                for number in range(self._advance if base_url and not own.done() else 0):
                    more = replace(client.another(f"And {number + 1} about {{canary}}?"), base_url=base_url)
                    between = await client.beside(more, expected=(*HELD, *BUSY))
                    if between.status in HELD and not own.done():
                        client.fired()
        finally:
            meeting.done.set()


def instances_of(rig: Rig, name: str) -> InstanceSeam:
    """The processes of a run, for the fault `name`.

    Raises:
        UsageError: the run has none of which there could be two.
    """
    if rig.instances is None:
        raise UsageError(f"{name} starts a process of the service: play it live")
    return rig.instances


def made_by(turn: Exchange, call: UpstreamCall) -> bool:
    """Whether a turn has made a call."""
    says = _says(call.request_id, call.messages, turn.request_id, turn.message or "")
    return says and turn.at_s <= call.at_s <= turn.ended_s


def _says(called_id: str | None, messages: Any, request_id: str, message: str) -> bool:
    """Whether a call is one of a turn: by the id of its request, else by the message that it ends with."""
    if called_id is not None and called_id == request_id:
        return True
    last = messages[-1] if isinstance(messages, list | tuple) and messages else None
    return bool(message) and isinstance(last, dict) and message in str(last.get("content"))


def _others(turn: Exchange, history: History) -> Iterable[Exchange]:
    """The turns that another writer holds in the session of a turn."""
    return (one for one in history.turns if one.role == "beside" and one.session == turn.session)


def _between(other: Exchange, call: UpstreamCall) -> bool:
    """Whether a turn was acknowledged while a call was held up."""
    return other.status in HELD and call.at_s <= other.ended_s <= call.ended_s

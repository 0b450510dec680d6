"""A process is struck while a request is under way, as the provider's calls tell, and not at some time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import ProcessKill, ProcessTerminate
from harness.faults.process_points import SIGNALLED_S, STREAM_S, TAKEN_S
from harness.registry import drill_of, needs_of
from harness.rig import Call, Reply, Rig, Rule
from harness.wire import Pause

CALL = Call(ordinal=1, level="conversation", request_id="r", headers={}, body={})
EVENTS = tuple(b"data: %d\n\n" % number for number in range(6))
STREAM = Reply(headers={"content-type": "text/event-stream"}, parts=EVENTS)


class Stand:
    """A provider that answers what it is told to, a process that notes what is done to it, and a clock that obeys."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.now = 0.0
        self.late_s = 0.0
        self.rule: Rule | None = None
        self.struck, self.slept = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def wrapped(self, fault: str, rule: Rule, *_: Any, **ways: bool) -> AsyncIterator[None]:
        """Put the rule there; it is the process that has fired, and no call."""
        assert ways == {"on_wire": True, "tells": True}
        self.rule = rule
        yield
        self.rule = None

    @asynccontextmanager
    async def down(self, fault: str, *, kill: bool, grace_s: float = 10.0) -> AsyncIterator[None]:
        """End it, and begin it again."""
        self.notes.append("killed" if kill else f"terminated {grace_s:g}")
        self.struck.set()
        yield
        self.notes.append("begun")

    def monotonic(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and more of it where the machine is late."""
        self.now += seconds + self.late_s
        self.slept.set()
        await asyncio.sleep(0)

    async def ask(self, reply: Reply) -> Reply:
        """Ask the provider, who would answer so."""
        assert self.rule is not None

        async def answer(call: Call) -> Reply:
            return reply

        given = await self.rule(CALL, answer)
        self.notes.append("answered")
        return given

    @property
    def rig(self) -> Rig:
        """The seams of it."""
        seams: Any = {"provider": self, "network": None, "clock": self, "process": self}
        return Rig(**seams)


async def play(stand: Stand, fault: Any, step: Callable[[], Awaitable[Any]]) -> Any:
    """Play a step under the fault."""
    async with fault.inject(stand.rig):
        given = await step()
        stand.notes.append("step over")
        return given


@pytest.mark.parametrize(
    ("fault", "struck"), [(ProcessKill(), "killed"), (ProcessTerminate(grace_s=3), "terminated 3")]
)
async def test_it_is_struck_while_a_call_waits_for_its_answer(fault: Any, struck: str) -> None:
    """The call is answered when the signal was sent, and felt: whoever drains still has this request to finish."""
    stand = Stand()
    await play(stand, fault, lambda: stand.ask(Reply()))
    assert stand.notes == [struck, "answered", "step over", "begun"]
    assert stand.now == pytest.approx(TAKEN_S + SIGNALLED_S)


async def test_only_the_first_call_is_waited_with() -> None:
    """There is one blow: who asks after it is answered at once, the new process among them."""
    stand = Stand()

    async def twice() -> None:
        await stand.ask(Reply())
        await asyncio.wait_for(stand.ask(Reply()), 10)

    await play(stand, ProcessKill(), twice)
    assert stand.notes == ["killed", "answered", "answered", "step over", "begun"]


@pytest.mark.parametrize("fault", [ProcessKill(), ProcessKill(point="mid_stream"), ProcessTerminate()])
async def test_where_nobody_asks_nothing_is_struck(fault: Any) -> None:
    """No request was in its midst, so the fault has not fired, and leaves nothing behind."""
    stand = Stand()
    await play(stand, fault, lambda: asyncio.sleep(0))
    assert stand.notes == ["step over"]
    assert stand.rule is None


async def test_a_stream_stands_still_in_its_middle_until_it_is_struck() -> None:
    """Half of its events are sent, and time for the blow to fall before the others."""
    stand = Stand()

    async def shown() -> Reply:
        given = await stand.ask(STREAM)
        await stand.struck.wait()
        return given

    given = await play(stand, ProcessKill(point="mid_stream"), shown)
    assert given.parts == (*EVENTS[:3], Pause(for_s=STREAM_S), *EVENTS[3:])
    assert stand.notes == ["answered", "killed", "step over", "begun"]
    assert stand.now == pytest.approx(TAKEN_S + SIGNALLED_S)


async def test_an_answer_that_is_no_stream_is_let_through() -> None:
    """It has no middle: it is answered at once, and nothing is struck for it."""
    stand = Stand()
    whole = Reply(headers={"content-type": "application/json"}, body=b"{}")
    assert await play(stand, ProcessKill(point="mid_stream"), lambda: stand.ask(whole)) == whole
    assert stand.notes == ["answered", "step over"]


async def test_a_stream_that_has_gone_on_is_not_struck() -> None:
    """A harness that comes too late strikes nothing: that would be behind the stream, and pass for its middle."""
    stand = Stand()
    stand.late_s = STREAM_S

    async def gone_on() -> None:
        await stand.ask(STREAM)
        await stand.slept.wait()

    await play(stand, ProcessKill(point="mid_stream"), gone_on)
    assert stand.notes == ["answered", "step over"]


def test_a_point_is_played_where_it_can_be_told() -> None:
    """A request's middle needs a provider, a stream's needs streams and their drill; a point that is none is refused."""
    early, late, none = (
        ProcessTerminate(point=point) for point in ("mid_request", "mid_stream", "between_turns")
    )
    assert [needs_of(one) - {"process"} for one in (early, late, none)] == [
        {"provider"},
        {"provider", "streams", "provider_streams"},
        set(),
    ]
    assert [drill_of(one) for one in (early, late, none)] == ["two_sessions", "streams", "two_sessions"]
    with pytest.raises(UsageError, match="mid_request"):
        ProcessKill(point="in_passing")

"""A process is struck while a request is under way, as the provider's calls tell: on their real script, in virtual time."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import ProcessKill, ProcessTerminate, ProviderSlowDrip
from harness.faults.process_points import SIGNALLED_S, STREAM_S, TAKEN_S
from harness.provider import Script, Witness
from harness.registry import drill_of, needs_of
from harness.rig import Call, Reply, Rig, Window
from harness.simulation.run import Simulation
from harness.targets.real import RealClock
from harness.wire import Pause

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
DRAINS_S = 3.0


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation asks for it; nothing here depends on the order of a set."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")


class Stand:
    """A provider, and a process that notes what is done to it and takes its time to drain."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.clock = RealClock()
        self.script = Script(
            witness=Witness(now=lambda: 0.0),
            fired=lambda fault, what: self.notes.append(f"{fault} fired"),
            random=random.Random(1),
        )

    @asynccontextmanager
    async def down(self, fault: str, *, kill: bool, grace_s: float = 10.0) -> AsyncIterator[None]:
        """End it, and begin it again."""
        self.note("killed" if kill else f"terminated {grace_s:g}")
        if not kill:
            await asyncio.sleep(DRAINS_S)
            self.note("drained")
        yield
        self.note("begun")

    def note(self, what: str) -> None:
        """Note it, with the time."""
        self.notes.append(f"{asyncio.get_running_loop().time() - self.began_s:.2f} {what}")

    async def ask(self, *, stream: bool = False) -> Reply:
        """Ask the provider."""
        body = {**BODY, "stream": True} if stream else BODY
        given = await self.script.answer(
            Call(ordinal=1, level="conversation", request_id="r", headers={}, body=body)
        )
        self.note("answered")
        return given

    def play(self, step: Callable[[], Awaitable[Any]], *faults: Any) -> Any:
        """What a step gives under the faults, the last one outermost."""

        async def main() -> Any:
            self.began_s = asyncio.get_running_loop().time()
            seams: Any = {"provider": self.script, "network": None, "clock": self.clock, "process": self}
            async with AsyncExitStack() as held:
                for fault in faults:
                    await held.enter_async_context(fault.inject(Rig(**seams)))
                given = await step()
                self.note("step over")
            return given

        return Simulation().run(main).result()


def after(*steps: tuple[float, Callable[[], Coroutine[Any, Any, Any]]]) -> Callable[[], Awaitable[Any]]:
    """A step that does each of these after so many more seconds."""

    async def step() -> list[Any]:
        given = []
        for seconds, do in steps:
            await asyncio.sleep(seconds)
            given.append(await do())
        return given

    return step


async def nothing() -> None:
    """Do nothing."""


def test_it_is_killed_while_a_call_waits_for_its_answer() -> None:
    """All that came with the first call is taken up by then; who waited is answered, and it is there again in its time."""
    stand = Stand()
    stand.play(after((1.0, stand.ask), (2.0, nothing)), ProcessKill(down_s=0.5))
    struck = 1.0 + TAKEN_S
    assert stand.notes == [
        f"{struck:.2f} killed",
        f"{struck:.2f} answered",
        f"{struck + 0.5:.2f} begun",
        f"{struck + 2.0:.2f} step over",
    ]


def test_who_is_told_to_end_is_answered_behind_its_signal() -> None:
    """The call is held until the signal is felt, so that whoever drains still has this request to finish."""
    stand = Stand()
    stand.play(stand.ask, ProcessTerminate(grace_s=7))
    felt = TAKEN_S + SIGNALLED_S
    assert stand.notes == [
        f"{TAKEN_S:.2f} terminated 7",
        f"{felt:.2f} answered",
        f"{felt:.2f} step over",
        f"{TAKEN_S + DRAINS_S:.2f} drained",
        f"{TAKEN_S + DRAINS_S:.2f} begun",
    ]


def test_a_service_is_struck_however_long_it_takes_to_its_first_call() -> None:
    """The moment is waited for as long as the window is open: it is the time that it is down that is short."""
    stand = Stand()
    stand.play(after((30.0, stand.ask)), ProcessKill())
    assert f"{30.0 + TAKEN_S:.2f} killed" in stand.notes


def test_only_the_first_call_is_waited_with() -> None:
    """There is one blow: who asks after it is answered at once, the new process among them."""
    stand = Stand()
    stand.play(after((0.0, stand.ask), (5.0, stand.ask)), ProcessKill())
    assert [note.split()[1] for note in stand.notes] == ["killed", "answered", "begun", "answered", "step"]
    assert stand.notes[3] == f"{TAKEN_S + 5.0:.2f} answered"


@pytest.mark.parametrize("fault", [ProcessKill(), ProcessKill(point="mid_stream"), ProcessTerminate()])
def test_where_nobody_asks_nothing_is_struck(fault: Any) -> None:
    """No request was in its midst, so the fault has not fired, and leaves nothing behind."""
    stand = Stand()
    stand.play(after((1.0, nothing)), fault)
    assert stand.notes == ["1.00 step over"]


def test_a_call_that_nobody_waits_for_any_more_is_no_request_in_its_midst() -> None:
    """The blow waits for one that is there when it falls."""
    stand = Stand()

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stand.ask(), 0.02)

    stand.play(after((0.0, gives_up), (1.0, stand.ask)), ProcessKill())
    assert stand.notes[0] == f"{0.02 + 1.0 + TAKEN_S:.2f} killed"


def test_a_stream_is_struck_in_its_middle() -> None:
    """It stands still when all but a quarter of it was sent, each piece in its time, with a piece and its end to come."""
    stand = Stand()
    (given, _) = stand.play(
        after((0.0, lambda: stand.ask(stream=True)), (1.0, nothing)), ProcessKill(point="mid_stream")
    )
    (place,) = [place for place, part in enumerate(given.parts) if part == Pause(for_s=STREAM_S)]
    shown, hidden = (
        [part for part in parts if isinstance(part, bytes)]
        for parts in (given.parts[:place], given.parts[place:])
    )
    assert len(hidden) == max(3, len(shown + hidden) // 4)
    assert hidden[-1] == b"data: [DONE]\n\n"
    assert b"content" in hidden[0]
    gaps_s = sum(part.for_s for part in given.parts[:place] if isinstance(part, Pause))
    assert stand.notes[:2] == ["0.00 answered", f"{gaps_s + TAKEN_S:.2f} killed"]


def test_an_answer_that_is_no_stream_is_let_through() -> None:
    """It has no middle: it is answered at once, and nothing is struck for it."""
    stand = Stand()
    stand.play(after((0.0, stand.ask), (1.0, nothing)), ProcessKill(point="mid_stream"))
    assert stand.notes == ["0.00 answered", "1.00 step over"]


def test_a_stream_that_has_gone_on_is_not_struck_but_the_next_one_is(monkeypatch: Any) -> None:
    """A harness that comes too late waits on: a blow behind the stream would pass for its middle."""
    stand = Stand()
    late_s = [STREAM_S]
    sleep = stand.clock.sleep
    monkeypatch.setattr(
        stand.clock, "sleep", lambda seconds: sleep(seconds + (late_s.pop() if late_s else 0.0))
    )

    def ask() -> Any:
        return stand.ask(stream=True)

    stand.play(after((0.0, ask), (5.0, ask), (2.0, nothing)), ProcessKill(point="mid_stream"))
    (killed,) = [note for note in stand.notes if "killed" in note]
    assert 5.0 + TAKEN_S < float(killed.split()[0]) < 5.0 + STREAM_S


def test_of_two_streams_the_one_that_is_first_in_its_middle_is_struck() -> None:
    """A slow one does not hide a quicker one that began later, nor the other way round."""
    for slow, calls in ((1, Window(first_n=1)), (2, Window(every_k=2))):
        stand = Stand()

        def ask(stand: Stand = stand) -> Any:
            return stand.ask(stream=True)

        stand.play(
            after((0.0, ask), (1.0, ask), (60.0, nothing)),
            ProviderSlowDrip(window=calls),
            ProcessKill(point="mid_stream"),
        )
        (killed,) = [float(note.split()[0]) for note in stand.notes if "killed" in note]
        assert (2 - slow) + TAKEN_S < killed < (2 - slow) + STREAM_S


def test_two_that_are_struck_mend_both() -> None:
    """A call that another fault holds counts as asked: neither waits for the other, and all is mended at the end."""
    stand = Stand()
    stand.play(stand.ask, ProcessKill(), ProcessTerminate())
    what = [note.split(maxsplit=1)[1] for note in stand.notes]
    assert sorted(what) == sorted(
        ["killed", "terminated 10", "drained", "begun", "begun", "answered", "step over"]
    )


def test_who_ordered_a_blow_and_is_cancelled_leaves_nobody_waiting() -> None:
    """The process is there again, and the call that was held is answered."""
    stand = Stand()

    async def main() -> None:
        stand.began_s = asyncio.get_running_loop().time()
        seams: Any = {"provider": stand.script, "network": None, "clock": stand.clock, "process": stand}

        async def ordered() -> None:
            async with ProcessTerminate().inject(Rig(**seams)):
                await asyncio.Event().wait()

        ordering = asyncio.ensure_future(ordered())
        await asyncio.sleep(0)
        asking = asyncio.ensure_future(stand.ask())
        await asyncio.sleep(TAKEN_S + SIGNALLED_S / 2)
        ordering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ordering
        await asking

    Simulation().run(main).result()
    assert [note.split(maxsplit=1)[1] for note in stand.notes] == [
        "terminated 10",
        "answered",
        "drained",
        "begun",
    ]


def test_between_turns_it_is_down_before_the_step_begins() -> None:
    """No request is in its midst, whatever a target has of a provider."""
    stand = Stand()
    stand.play(after((0.0, stand.ask), (1.0, nothing)), ProcessKill(point="between_turns", down_s=0.5))
    assert stand.notes == ["0.00 killed", "0.00 answered", "0.50 begun", "1.00 step over"]


def test_a_blow_that_cannot_fall_comes_out_at_once(monkeypatch: Any) -> None:
    """A process that is gone already is told of before a step is played."""
    stand = Stand()

    @asynccontextmanager
    async def gone(fault: str, **_: Any) -> AsyncIterator[None]:
        raise UsageError("it is gone")
        yield

    monkeypatch.setattr(stand, "down", gone)
    with pytest.raises(UsageError, match="it is gone"):
        stand.play(after((1.0, nothing)), ProcessKill(point="between_turns"))
    assert stand.notes == []


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
    with pytest.raises(UsageError, match="down_s"):
        ProcessKill(down_s=-1.0)
    with pytest.raises(UsageError, match="grace_s"):
        ProcessTerminate(grace_s=0.0)

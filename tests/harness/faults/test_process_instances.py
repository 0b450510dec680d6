"""A second process takes its share of the turns, or comes between, and each oracle knows right from wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from client_bench import Bench, answer

from harness.errors import UsageError
from harness.faults import ProcessSecondInstance, StoreConflict
from harness.faults.process_instances import conflict_met, history_shared
from harness.rig import Call, Incoming, Outgoing, Reply, Window
from harness.scenario import Turn

SECOND = "http://second"
TURNS = (Turn(message="open"), Turn(message="two"), Turn(message="three"))


class Instances:
    """A second process that is only an address; `goes` says that it takes nobody in any more."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.goes = False

    @asynccontextmanager
    async def another(self, fault: str) -> AsyncIterator[Any]:
        self.notes.append(f"{fault} began")
        yield self
        self.notes.append("ended")

    @contextmanager
    def taken(self) -> Iterator[str]:
        yield "" if self.goes else SECOND


class Provider:
    """A provider's seam that keeps the rule, for the target to ask."""

    def __init__(self) -> None:
        self.rule: Any = None

    @asynccontextmanager
    async def wrapped(
        self, fault: str, rule: Any, window: Window, *, on_wire: bool = False, tells: bool = False
    ) -> AsyncIterator[None]:
        self.rule = rule
        yield
        self.rule = None


class Asking(Bench):
    """A target that asks its provider once for each turn; `second` answers what goes to the second process."""

    def __init__(self) -> None:
        super().__init__()
        self.instances, self.provider = Instances(), Provider()
        nobody: Any = None
        seams: dict[str, Any] = {"instances": self.instances, "provider": self.provider}
        self.rig = replace(self.rig, network=nobody, **seams)
        self.second: Callable[[Outgoing], Any] = self.honest
        self.answers = self.asking
        self.asked: list[str] = []

    async def asking(self, outgoing: Outgoing) -> Incoming:
        """Ask, and answer; the text is what the provider was asked."""
        message = orjson.loads(outgoing.body)["message"]
        if outgoing.base_url == SECOND:
            self.asked.append(f"second {message[:5]}")
            return await self.second(outgoing)

        async def honest(call: Call) -> Reply:
            self.asked.append(message)
            return Reply()

        call = Call(
            ordinal=1,
            level="conversation",
            request_id=None,
            headers={},
            body={"messages": [{"role": "user", "content": f"> {message}"}]},
        )
        await (self.provider.rule(call, honest) if self.provider.rule else honest(call))
        return await self.honest(outgoing)


async def test_every_other_turn_goes_to_the_second_process() -> None:
    """Of four turns the second and the fourth go there, both are firings, and the process ends with the fault."""
    bench = Asking()
    await bench.play(*(Turn(message=str(number)) for number in range(4)), faults=(ProcessSecondInstance(),))
    there = [orjson.loads(one.body)["message"] for one in bench.sent if one.base_url == SECOND]
    assert there == ["1", "3"]
    assert bench.fired == ["process.second_instance"] * 2
    assert bench.instances.notes == ["process.second_instance began", "ended"]


async def test_only_what_the_second_process_answered_has_fired() -> None:
    """One turn that it does not answer, and one that it does not take in any more, are none; the latter goes to the first."""
    bench = Asking()

    async def silent(outgoing: Outgoing) -> Incoming:
        bench.instances.goes = True
        return Incoming(status=None, error="ConnectError")

    bench.second = silent
    await bench.play(*TURNS, faults=(ProcessSecondInstance(window=Window()),))
    assert bench.fired == []
    assert [turn.status for turn in bench.exchanges("turn")] == [None, 200, 200]


async def test_the_other_writer_comes_between_the_read_and_the_append() -> None:
    """A turn's call is held up until so many others of its session are answered by the second process."""
    bench = Asking()
    await bench.play(*TURNS, faults=(StoreConflict(advance=2, window=Window(from_step=1, until_step=1)),))
    begun = bench.asked.index("open")
    assert bench.asked[begun : begun + 5] == ["open", "second And 1", "second And 2", "two", "three"]
    besides = bench.exchanges("beside")
    assert {one.session for one in besides} == {"a"}
    assert [one.expected[0] for one in besides] == [200, 200]
    assert bench.fired == ["store.conflict"]
    assert bench.instances.notes == ["store.conflict began", "ended"]


async def test_a_turn_without_a_call_or_without_a_session_is_left_alone() -> None:
    """What opens its session has nothing to conflict with; what asks nobody cannot be held between read and append."""
    bench = Asking()
    await bench.play(Turn(message="open"), faults=(StoreConflict(),))
    bench.answers = bench.honest
    await bench.play(*TURNS, faults=(StoreConflict(window=Window(from_step=1)),))
    assert bench.exchanges("beside") == []


async def test_another_writer_that_was_always_refused_has_not_fired() -> None:
    """Where no turn of its own was acknowledged in between, there was no conflict, whatever was held up."""
    bench = Asking()

    async def busy(outgoing: Outgoing) -> Incoming:
        return answer({"title": "busy"}, status=409)

    bench.second = busy
    await bench.play(*TURNS, faults=(StoreConflict(window=Window(from_step=1)),))
    assert [one.status for one in bench.exchanges("beside")] == [409, 409]
    assert bench.fired == []


async def test_a_run_that_is_cancelled_lets_the_held_call_go() -> None:
    """Whatever ends the run, no turn stays held and the second process is ended."""
    bench = Asking()
    begun = asyncio.Event()

    async def hangs(outgoing: Outgoing) -> Incoming:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    bench.second = hangs
    playing = asyncio.ensure_future(bench.play(*TURNS, faults=(StoreConflict(window=Window(from_step=1)),)))
    await begun.wait()
    playing.cancel()
    await asyncio.wait({playing})
    assert playing.cancelled()
    assert bench.provider.rule is None


@pytest.mark.parametrize("kind", [ProcessSecondInstance, StoreConflict])
async def test_where_no_second_process_can_be_it_is_refused(kind: Any) -> None:
    """It is told where it can be played."""
    with pytest.raises(UsageError, match="play it live"):
        await Bench().play(*TURNS, faults=(kind(),))
    with pytest.raises(UsageError, match="advance=0: must be at least 1"):
        StoreConflict(advance=0)


def found(oracle: Any, history: Any) -> list[str]:
    return [finding.message for finding in oracle(history)]


def test_a_turn_need_not_know_what_the_other_process_appended_meanwhile(made: Any) -> None:
    """What was acknowledged before a turn began is due; what was acknowledged before its call is not."""
    one, two = made.turn(1), made.turn(2, at_s=2.0, ended_s=3.0)
    three = made.turn(3, at_s=2.5, ended_s=5.0)
    call = made.call(three, told=("message 1",), at_s=4.0, ended_s=4.5)
    assert found(history_shared, made.history(one, two, three, call)) == []
    late = replace(three, at_s=3.5)
    assert len(found(history_shared, made.history(one, two, late, call))) == 1
    assert len(found(history_shared, made.history(one, two, three, replace(call, messages=())))) == 1


@pytest.mark.parametrize(("status", "findings"), [(200, 0), (409, 0), (None, 0), (503, 1), (500, 1)])
def test_a_turn_that_met_a_conflict_is_held_or_refused(made: Any, status: int | None, findings: int) -> None:
    """200 and 409 are right; any other answer is found, and no answer is for others to judge."""
    turn = made.turn(1, at_s=1.0, ended_s=3.0, status=status)
    other = made.turn(2, at_s=1.5, ended_s=2.0, role="beside")
    call = made.call(turn, at_s=1.2, ended_s=2.5, fault="store.conflict#2")
    assert len(found(conflict_met, made.history(turn, other, call))) == findings


@pytest.mark.parametrize(
    "changed",
    [{"status": 409}, {"session": "b"}, {"ended_s": 2.7}, {"role": "turn"}],
    ids=["refused", "other session", "too late", "no other writer"],
)
def test_a_turn_that_met_none_is_not_judged(made: Any, changed: dict[str, Any]) -> None:
    """Where the other was refused, is of another session, or came after the call, a 503 has another reason."""
    turn = made.turn(1, at_s=1.0, ended_s=3.0, status=503)
    other = made.turn(2, **{"at_s": 1.5, "ended_s": 2.0, "role": "beside", **changed})
    call = made.call(turn, at_s=1.2, ended_s=2.5, fault="store.conflict")
    assert found(conflict_met, made.history(turn, other, call)) == []
    unshaped = replace(call, fault=None)
    assert found(conflict_met, made.history(turn, replace(other, status=200), unshaped)) == []

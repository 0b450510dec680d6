"""Rules around the sending of turns: who is around whom, what counts as a firing, and what ends with the run."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from client_bench import Bench, Rule, Ruled, answer

from harness.history import FaultFired
from harness.rig import Incoming, Outgoing, Rig, Window
from harness.scenario import Parallel, Turn


async def passes(outgoing: Outgoing, client: Any) -> Incoming:
    """A rule that changes nothing."""
    return await client.send(outgoing)


def marks(mark: str) -> Rule:
    """A rule that puts a mark behind those that are there."""

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        marked = outgoing.headers.get("x-mark", "") + mark
        return await client.send(replace(outgoing, headers={**outgoing.headers, "x-mark": marked}))

    return rule


def marks_sent(bench: Bench) -> list[str]:
    """The marks of what was sent, where it had any."""
    return [found for one in bench.sent if (found := one.headers.get("x-mark"))]


async def test_the_last_rule_stands_outermost_and_only_turns_go_through() -> None:
    """Two rules mark each turn of the scenario in the order from outside in; warm-up and golden turns bear no mark."""
    bench = Bench()
    await bench.play(faults=(Ruled(rule=marks("inner")), Ruled(rule=marks("outer"))))
    assert marks_sent(bench) == ["outerinner", "outerinner"]
    assert len(bench.sent) > 2


@pytest.mark.parametrize("first", [0, 1, 2])
async def test_rules_are_taken_away_in_any_order(first: int) -> None:
    """Whichever of three ends first, the other two stay as they are."""
    bench = Bench()
    faults = tuple(
        Ruled(rule=marks(str(number)), window=Window(until_step=0 if number == first else 1))
        for number in range(3)
    )
    await bench.play(faults=faults)
    assert marks_sent(bench) == ["210", "210".replace(str(first), "")]


@pytest.mark.parametrize(
    ("knobs", "expected"), [({"first_n": 1}, [0]), ({"every_k": 2}, [1, 3]), ({"p": 1e-9}, [])]
)
async def test_a_window_says_which_turns_a_rule_is_given(knobs: dict[str, Any], expected: list[int]) -> None:
    """Of four turns the window lets the rule have some; the others go out as they are, and nothing fires on them."""
    bench = Bench()
    turns = [Turn(message=str(number)) for number in range(4)]
    await bench.play(*turns, faults=(Ruled(rule=marks("m"), window=Window(**knobs)),))
    marked = [orjson.loads(one.body)["message"] for one in bench.sent if "x-mark" in one.headers]
    assert marked == [str(number) for number in expected]
    assert bench.fired == ["test.ruled"] * len(expected)


async def test_one_seed_draws_the_same_turns_for_a_rule_whatever_others_there_are() -> None:
    """By probability a rule gets the same turns in two runs, of which one has a second rule behind it."""
    drawn = []
    for others in ((), (Ruled(rule=passes, window=Window(p=0.5)),)):
        bench = Bench()
        turns = [Turn(message=str(number)) for number in range(12)]
        await bench.play(*turns, faults=(Ruled(rule=marks("m"), window=Window(p=0.5)), *others))
        drawn.append([orjson.loads(one.body)["message"] for one in bench.sent if "x-mark" in one.headers])
    assert drawn[0] == drawn[1]
    assert 0 < len(drawn[0]) < 12


async def holds_up(outgoing: Outgoing, client: Any) -> Incoming:
    for _ in range(3):
        await asyncio.sleep(0)
    return await client.send(outgoing)


async def answers_itself(outgoing: Outgoing, client: Any) -> Incoming:
    return answer({"sid": "own"})


async def answers_otherwise(outgoing: Outgoing, client: Any) -> Incoming:
    return replace(await client.send(outgoing), body=b'{"sid": "other"}')


async def leaves(outgoing: Outgoing, client: Any) -> Incoming:
    return await client.send(outgoing, leave_after_s=0.25)


async def goes_beside(outgoing: Outgoing, client: Any) -> Incoming:
    await client.beside(outgoing, expected=(200,))
    return await client.send(outgoing)


@pytest.mark.parametrize(
    ("rule", "fires"),
    [
        (passes, False),
        (holds_up, True),
        (answers_itself, True),
        (answers_otherwise, True),
        (goes_beside, True),
        (leaves, False),
        (marks("m"), True),
    ],
)
async def test_a_rule_has_fired_only_where_it_changed_something(rule: Rule, fires: bool) -> None:
    """One turn, one rule: it fires once where the turn went otherwise, and a client that got its answer never left."""
    bench = Bench()
    await bench.play(Turn(), faults=(Ruled(rule=rule),))
    assert bench.fired == ["test.ruled"] * fires


async def test_the_answer_that_a_rule_gives_is_the_one_on_record() -> None:
    """Where a rule answers otherwise, the turn has that answer, under the times of its own request."""
    bench = Bench()
    await bench.play(Turn(), faults=(Ruled(rule=answers_otherwise),))
    assert [turn.session_id for turn in bench.exchanges("turn")] == ["other"]


async def test_a_client_that_left_has_fired() -> None:
    """Where the answer did not come before the client left, that is a firing; the shortest patience of all rules counts."""
    bench = Bench()

    async def gone(outgoing: Outgoing) -> Incoming:
        return Incoming(status=None, error="left")

    async def patient(outgoing: Outgoing, client: Any) -> Incoming:
        return await client.send(outgoing, leave_after_s=9.0)

    bench.answers = gone
    await bench.play(Turn(), faults=(Ruled(rule=leaves), Ruled(rule=patient)))
    assert set(bench.fired) == {"test.ruled", "test.ruled#2"}
    assert 0.25 in bench.leaves
    assert 9.0 not in bench.leaves


async def test_the_time_of_a_turn_is_that_of_its_own_request() -> None:
    """What a rule does before and after sending the turn is not counted as the time of its answer."""
    bench = Bench()

    async def slow(outgoing: Outgoing, client: Any) -> Incoming:
        await bench.clock.sleep(5.0)
        incoming = await client.send(outgoing)
        await bench.clock.sleep(7.0)
        return incoming

    await bench.play(Turn(), faults=(Ruled(rule=slow),))
    (turn,) = bench.exchanges("turn")
    assert turn.elapsed_s == 0.0


async def test_rules_end_with_a_run_that_is_cancelled() -> None:
    """Whatever ends the run, no rule is left in place."""
    bench = Bench()
    begun = asyncio.Event()
    kept: list[Any] = []

    @dataclass(frozen=True, kw_only=True)
    class Kept(Ruled):
        def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
            kept.append(rig.client)
            return super().inject(rig)

    async def hangs(outgoing: Outgoing) -> Incoming:
        if "x-mark" in outgoing.headers:
            begun.set()
            await asyncio.Event().wait()
        return await bench.honest(outgoing)

    bench.answers = hangs
    turns = Parallel(steps=(Turn(), Turn(session="b")))
    playing = asyncio.ensure_future(bench.play(turns, faults=(Kept(rule=marks("m")),)))
    await begun.wait()
    playing.cancel()
    await asyncio.wait({playing})
    assert playing.cancelled()
    assert kept[0].seam._rules == ()


def test_a_firing_says_on_which_turn() -> None:
    """The record names the request and the session, for whoever looks it up."""
    bench = Bench()
    asyncio.run(bench.play(Turn(session="mine"), faults=(Ruled(rule=marks("m")),)))
    (record,) = [one for one in bench.recorder.records if isinstance(one, FaultFired)]
    (turn,) = bench.exchanges("turn")
    assert record.detail == f"turn {turn.request_id} of session mine"


async def test_a_rule_that_tells_has_fired_where_it_says_so_and_nowhere_else() -> None:
    """Whatever it does to the turns, one of the three is a firing, and that once."""
    bench = Bench()

    @dataclass(frozen=True, kw_only=True)
    class Telling(Ruled):
        def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
            assert rig.client is not None
            return rig.client.wrapped(self.name, self.rule, self.window, tells=True)

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        await holds_up(outgoing, client)
        await goes_beside(outgoing, client)
        if client.message == "two":
            client.fired()
            client.fired()
        return await answers_otherwise(outgoing, client)

    turns = [Turn(message=message) for message in ("one", "two", "three")]
    await bench.play(*turns, faults=(Telling(rule=rule),))
    assert bench.fired == ["test.ruled"]


async def test_a_rule_knows_what_a_turn_says_and_of_which_session_it_is() -> None:
    """A turn that opens its session has none yet."""
    bench = Bench()
    known: list[tuple[str, str | None]] = []

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        known.append((client.message, client.session_id))
        return await client.send(outgoing)

    await bench.play(faults=(Ruled(rule=rule),))
    own = bench.exchanges("turn")[0].session_id
    assert known == [("open", None), ("go on", own)]

"""Clients that leave before their answers: at which point of their turns, which of them, and what is then answered."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from client_bench import Bench

from harness.errors import UsageError
from harness.faults import ClientDisconnect, ClientDisconnectMidStream
from harness.faults.client_leaving import HELD_S_MAX, NOTICED_S
from harness.registry import needs_of
from harness.rig import Incoming, Outgoing
from harness.scenario import Parallel, Turn

EARLY, BETWEEN, LATE = (
    ClientDisconnect(point=point) for point in ("before_reply", "between_calls", "during_commit")
)


async def play(bench: Bench, fault: Any, *steps: Any, **turn: Any) -> list[bool]:
    """Play a turn that opens session a, and others under the fault; which of those were left."""
    window = replace(fault.window, from_step=1)
    await bench.play(Turn(message="open"), *steps, faults=(replace(fault, window=window),), **turn)
    return [exchange.left for exchange in bench.exchanges("turn")[1:]]


async def works() -> None:
    """Let so many turns of the loop pass as a client needs to leave."""
    for _ in range(10):
        await asyncio.sleep(0)


def told(bench: Bench, calls: int) -> list[tuple[int, int]]:
    """Let each turn ask the provider so often; for each under the fault how many calls had begun, and were answered, when it ended."""
    seen: list[tuple[int, int]] = []

    async def answers(outgoing: Outgoing) -> Incoming:
        begun = answered = 0
        try:
            for _ in range(calls):
                begun += 1
                await bench.ask("", outgoing.headers["x-request-id"])
                answered += 1
                await works()
            return await bench.honest(outgoing)
        finally:
            seen.append((begun, answered))

    bench.answers = answers
    return seen


@pytest.mark.parametrize(
    ("fault", "left", "points"),
    [
        (EARLY, [True, True, True, False], {(1, 0)}),
        (BETWEEN, [True, True, True, False], {(1, 1), (2, 1)}),
        (LATE, [False, True, True, True, True], {(2, 2)}),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_all_leave_at_their_point_but_one_that_stays(
    fault: ClientDisconnect, left: list[bool], points: set[tuple[int, int]], at_once: bool
) -> None:
    """Of turns with two calls each, at once or one by one, they leave in the first, behind it, or behind the last."""
    bench = Bench()
    seen = told(bench, 2)
    turns = tuple(Turn(session=f"s{number}", message=f"turn {number}.") for number in range(len(left)))
    await play(bench, fault, *((Parallel(steps=turns),) if at_once else turns))
    gone = {one.message: one.left for one in bench.exchanges("turn")[1:]}
    assert [gone[turn.message] for turn in turns] == left
    assert bench.fired == [fault.name] * sum(left)
    assert {one for one in seen if one != (2, 2)} <= points
    assert seen.count((2, 2)) == len(seen) - (0 if fault is LATE else sum(left))


@pytest.mark.parametrize("fault", [EARLY, BETWEEN])
async def test_a_call_is_that_of_the_turn_whose_words_it_holds(fault: ClientDisconnect) -> None:
    """Of two turns at once the provider is asked for one, under no id: that one is left, and the other is answered."""
    bench = Bench()

    async def answers(outgoing: Outgoing) -> Incoming:
        if b"apples" in outgoing.body:
            await bench.ask("apples, please")
        await works()
        return await bench.honest(outgoing)

    bench.answers = answers
    both = Parallel(steps=(Turn(message="apples"), Turn(session="b", message="pears")))
    await play(bench, fault, both)
    assert {one.message: one.left for one in bench.exchanges("turn")[1:]} == {"apples": True, "pears": False}


async def test_a_call_of_which_nothing_is_known_may_be_of_any_turn() -> None:
    """A service that sends no id and other words than its client did is left all the same."""
    bench = Bench()

    async def answers(outgoing: Outgoing) -> Incoming:
        await bench.ask("something else", "unheard-of")
        return await bench.honest(outgoing)

    bench.answers = answers
    assert await play(bench, EARLY, Turn(message="one"), Turn(message="two")) == [True, True]


async def test_a_turn_for_which_nobody_is_asked_is_not_left_where_others_are_told_of() -> None:
    """Without a call there is no point in it: the client gets its answer."""
    bench = Bench()

    async def answers(outgoing: Outgoing) -> Incoming:
        if b"ask" in outgoing.body:
            await bench.ask("", outgoing.headers["x-request-id"])
            await works()
        return await bench.honest(outgoing)

    bench.answers = answers
    turns = [Turn(message=said) for said in ("ask", "known", "known")]
    assert await play(bench, BETWEEN, *turns) == [True, False, False]
    assert bench.fired == [BETWEEN.name]


async def test_where_no_call_is_told_of_clients_leave_in_a_quarter_of_a_turns_time() -> None:
    """The first turn takes four seconds, and teaches when to leave the second: a service may have a provider of its own."""
    bench = Bench()
    left_s: list[float] = []

    async def answers(outgoing: Outgoing) -> Incoming:
        began_s = bench.clock.now
        try:
            if b"two" in outgoing.body:
                await asyncio.Event().wait()
            bench.clock.now += 4.0
            return await bench.honest(outgoing)
        finally:
            left_s.append(bench.clock.now - began_s)

    bench.answers = answers
    assert await play(bench, EARLY, Turn(message="one"), Turn(message="two")) == [False, True]
    assert pytest.approx(1.0) in left_s
    assert [sorted(needs_of(fault)) for fault in (EARLY, BETWEEN, LATE)] == [[], ["provider"], ["provider"]]


async def test_a_call_for_a_turn_that_was_left_is_no_other_ones() -> None:
    """A service asks once more for a client that is gone; who is there meanwhile, and was not asked for, stays."""
    bench = Bench()
    gone = asyncio.Event()

    async def answers(outgoing: Outgoing) -> Incoming:
        if b"apples" in outgoing.body:
            try:
                await bench.ask("", outgoing.headers["x-request-id"])
            finally:
                gone.set()
        elif b"pears" in outgoing.body:
            await gone.wait()
            await works()
            (own,) = (one for one in bench.sent if b"apples" in one.body)
            await bench.ask("", own.headers["x-request-id"])
            await works()
        return await bench.honest(outgoing)

    bench.answers = answers
    await play(bench, EARLY, Parallel(steps=(Turn(message="apples"), Turn(session="b", message="pears"))))
    assert {one.message: one.left for one in bench.exchanges("turn")[1:]} == {"apples": True, "pears": False}


async def test_a_call_of_which_nothing_is_known_is_none_of_a_turns_own() -> None:
    """A call on behalf of nobody is made in the first turn: the last call of the next is its first all the same."""
    bench = Bench()

    async def answers(outgoing: Outgoing) -> Incoming:
        if b"one" in outgoing.body:
            await bench.ask("", "unheard-of")
        await bench.ask("", outgoing.headers["x-request-id"])
        await works()
        return await bench.honest(outgoing)

    bench.answers = answers
    assert await play(bench, LATE, Turn(message="one"), Turn(message="two")) == [False, True]


async def test_no_call_is_held_for_ever_for_a_turn_that_waits_for_its_answer() -> None:
    """The client that stays is served behind the one that leaves: the call of that one is answered all the same."""
    bench = Bench()
    gone = asyncio.Event()

    async def answers(outgoing: Outgoing) -> Incoming:
        if b"stays" in outgoing.body:
            await gone.wait()
        elif b"leaves" in outgoing.body:
            try:
                await bench.ask("", outgoing.headers["x-request-id"])
                await works()
            finally:
                gone.set()
        return await bench.honest(outgoing)

    bench.answers = answers
    both = Parallel(steps=(Turn(message="stays"), Turn(session="b", message="leaves")))
    began_s = bench.clock.now
    await play(bench, LATE, both)
    assert {one.message: one.left for one in bench.exchanges("turn")[1:]} == {"stays": False, "leaves": True}
    assert bench.clock.now - began_s < HELD_S_MAX + NOTICED_S + 1


async def test_who_asks_on_for_a_client_that_is_gone_is_answered_when_that_could_be_noticed() -> None:
    """A service that takes no notice gets its answer, so much later that this cannot be by chance; no call hangs."""
    bench = Bench()
    asking: list[asyncio.Task[None]] = []

    async def answers(outgoing: Outgoing) -> Incoming:
        asking.append(asyncio.create_task(bench.ask("", outgoing.headers["x-request-id"])))
        await asyncio.shield(asking[-1])
        return await bench.honest(outgoing)

    bench.answers = answers
    await play(bench, EARLY, Turn(message="one"))
    left_s = bench.exchanges("turn")[1].ended_s
    await asking[1]
    assert bench.clock.now >= left_s + NOTICED_S


async def test_what_comes_again_under_its_key_is_waited_for() -> None:
    """A replay is answered at once, so that nobody could say whether its client left before or after the answer."""
    bench = Bench()
    bench.asks = 1
    await play(bench, EARLY, Turn(idempotency_key="k", retries=2))
    assert [one for one in bench.fired if one == EARLY.name] == [EARLY.name]
    assert not bench.exchanges("turn")[-1].left


async def test_clients_of_streams_leave_in_time_and_before_it_and_one_stays() -> None:
    """Of four turns three are left, after the fault's time, 0.4 and a tenth of it, and each is a firing."""
    bench = Bench()

    async def leaving(outgoing: Outgoing) -> Incoming:
        if bench.leaves[-1] is not None:
            return Incoming(status=None, error="left")
        return await bench.honest(outgoing)

    bench.answers = leaving
    fault = ClientDisconnectMidStream(after_s=0.5)
    assert await play(bench, fault, *[Turn(stream=True)] * 4, stream="asked") == [True, True, True, False]
    assert [one for one in bench.leaves if one is not None] == [0.5, 0.2, 0.05]
    assert bench.fired == [fault.name] * 3


async def test_only_streams_are_left_in_their_middle() -> None:
    """An answer that comes whole has no middle: its client stays."""
    bench = Bench()
    await play(bench, ClientDisconnectMidStream(), Turn(), Turn(stream=True), stream="asked")
    assert [one for one in bench.leaves if one is not None] == [0.03]


async def test_a_client_that_was_answered_first_leaves_sooner_the_next_time() -> None:
    """Each answer took five milliseconds: a client that was too late is followed by those that leave in nine tenths."""
    bench = Bench()

    async def swift(outgoing: Outgoing) -> Incoming:
        bench.clock.now += 0.005
        return await bench.honest(outgoing)

    bench.answers = swift
    await play(bench, ClientDisconnectMidStream(), *[Turn(stream=True)] * 5, stream="asked")
    times = [one for one in bench.leaves if one is not None]
    assert times == [0.03, *[pytest.approx(one) for one in (0.0045, 0.003, 0.0045)]]
    assert bench.fired == []


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (ClientDisconnect, {"point": "later"}, "'before_reply', 'between_calls', 'during_commit'"),
        (ClientDisconnectMidStream, {"after_s": 0}, "at least 0.001"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(kind: Any, knobs: dict[str, Any], remedy: str) -> None:
    """What could never be done is refused where the fault is made, with what would be right."""
    with pytest.raises(UsageError, match=remedy):
        kind(**knobs)

"""A scenario is made smaller until nothing can be left out; windows keep to their steps; a schedule loses its holds."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.faults import NetworkRefused, ProviderNoReply, ProviderServerError
from harness.rig import Window
from harness.scenario import (
    CANARY,
    Disconnect,
    Parallel,
    Request,
    Restart,
    Scenario,
    Turn,
    Wait,
    flat,
)
from harness.search.scenarios import Surface
from harness.search.shrink import drive, fewer_holds, smaller_scenarios
from harness.search.strategies import scenarios
from harness.search.swarm import settled
from harness.simulation import Hold

SURFACE = Surface(sessions=True, restarts=True, health="/health")


def said(number: int) -> Turn:
    """A turn that can be told from all others."""
    return Turn(message=str(number))


def covered(scenario: Scenario) -> list[set[str]]:
    """For each fault, the messages of the turns that are held while it is armed."""
    found = []
    for fault in scenario.faults:
        until = len(scenario.steps) if fault.window.until_step is None else fault.window.until_step
        steps = flat(scenario.steps[fault.window.from_step : until + 1])
        found.append({step.message for step in steps if isinstance(step, Turn)})
    return found


def shrunk(scenario: Scenario, fails) -> Scenario:
    """The smallest that fails; sees that nothing is asked for twice, and that the end really is one."""
    asked: list[Scenario] = [scenario]

    def once(candidate: Scenario) -> bool:
        assert candidate not in asked
        asked.append(candidate)
        return fails(candidate)

    found = drive(smaller_scenarios, scenario, once)
    assert fails(found)
    assert drive(smaller_scenarios, found, fails) is found
    return found


@settings(deadline=None)
@given(scenarios(SURFACE), st.data())
def test_what_a_scenario_fails_by_is_all_that_is_left(drawn, data):
    """A planted need of one class of faults and one kind of step leaves one of each, at their defaults."""
    kind = type(data.draw(st.sampled_from(flat(drawn.steps))))
    names = data.draw(st.sampled_from([None, *{fault.name for fault in drawn.faults}]))
    careful = settled(drawn.steps)

    def fails(candidate: Scenario) -> bool:
        assert settled(candidate.steps) < len(candidate.steps)
        assert careful == 0 or all(
            fault.window.from_step >= settled(candidate.steps) for fault in candidate.faults
        )
        return any(isinstance(step, kind) for step in flat(candidate.steps)) and (
            names is None or any(fault.name == names for fault in candidate.faults)
        )

    found = shrunk(drawn, fails)
    (step,) = found.steps
    plain = {Wait: Wait(for_s=getattr(step, "for_s", 0.0)), Request: Request(path="/health")}
    assert step == (plain[kind] if kind in plain else kind())
    assert [fault.name for fault in found.faults] == ([] if names is None else [names])
    assert all(fault == type(fault)(window=Window()) for fault in found.faults)
    assert found.golden_turns == 1


@settings(deadline=None)
@given(scenarios(SURFACE), st.integers())
def test_whatever_fails_by_chance_ends(drawn, seed):
    """For any predicate at all it ends, at a scenario that fails and of which no smaller one does."""
    shrunk(drawn, lambda one: one == drawn or random.Random(f"{seed} {one}").random() < 0.2)


def test_windows_keep_to_their_steps():
    """With steps gone before, inside and after it, a window is still open on the same steps."""
    scenario = Scenario(
        steps=tuple(said(number) for number in range(7)),
        faults=(
            ProviderNoReply(window=Window(from_step=2, until_step=4)),
            NetworkRefused(window=Window(from_step=6)),
        ),
    )
    needed = {"1", "3", "4", "5"}

    def fails(candidate: Scenario) -> bool:
        # Nothing but leaving out may happen: each fault that is left covers what is left of its steps.
        texts = {step.message for step in candidate.steps}
        faults = {fault.name: each for fault, each in zip(candidate.faults, covered(candidate), strict=True)}
        assert not texts or texts <= {str(number) for number in range(7)} | {Turn().message}
        return needed <= texts and faults.get("provider.no_reply") == {"3", "4"}

    found = shrunk(scenario, fails)
    assert found.steps == (said(1), said(3), said(4), said(5))
    assert found.faults == (ProviderNoReply(window=Window(from_step=1, until_step=2)),)


def test_a_fault_goes_with_the_last_of_its_steps():
    """A window in which nothing is left to do is none: its fault is left out, the others keep theirs."""
    scenario = Scenario(
        steps=(said(0), said(1), said(2)),
        faults=(
            ProviderNoReply(window=Window(from_step=1, until_step=1)),
            ProviderServerError(window=Window(from_step=2)),
        ),
    )
    candidates: list[Scenario] = []

    def fails(candidate: Scenario) -> bool:
        candidates.append(candidate)
        return False

    assert drive(smaller_scenarios, scenario, fails) is scenario
    without = next(one for one in candidates if one.steps == (said(0), said(2)))
    assert without.faults == (ProviderServerError(window=Window(from_step=1)),)


def test_an_open_end_stays_open():
    """A window without an end has none afterwards either, whichever steps are left."""
    scenario = Scenario(
        steps=(said(0), said(1), said(2)), faults=(NetworkRefused(window=Window(from_step=1)),)
    )
    found = shrunk(
        scenario, lambda one: {"0", "2"} <= {step.message for step in one.steps} and covered(one) == [{"2"}]
    )
    assert found.faults == (NetworkRefused(window=Window(from_step=1)),)


def test_what_begins_together_is_played_one_after_the_other_where_it_may_be():
    """A group is thinned, taken apart, and the windows after it keep to their steps."""
    scenario = Scenario(
        steps=(
            said(0),
            Parallel(steps=(said(1), said(2), Request(path="/health"), said(3))),
            Parallel(steps=(said(4), said(5), said(6))),
            said(7),
        ),
        faults=(ProviderNoReply(window=Window(from_step=3)),),
    )

    def fails(one: Scenario) -> bool:
        texts = {step.message for step in flat(one.steps) if isinstance(step, Turn)}
        contended = any(
            isinstance(step, Parallel) and said(4) in step.steps and said(6) in step.steps
            for step in one.steps
        )
        return {"1", "3"} <= texts and contended and covered(one) == [{"7"}]

    found = shrunk(scenario, fails)
    # The first turn stays, for without it a turn of a group would open the session.
    assert found.steps[-4:] == (said(1), said(3), Parallel(steps=(said(4), said(6))), said(7))
    assert found.faults == (ProviderNoReply(window=Window(from_step=len(found.steps) - 1)),)
    assert len(found.steps) == 4


def test_a_group_of_which_one_is_left_is_no_group():
    """A turn that is alone in its group is taken out of it, and a group of one to begin with too."""
    alone = Scenario(steps=(Parallel(steps=(said(1),)),))
    assert shrunk(alone, lambda one: flat(one.steps) == (said(1),)).steps == (said(1),)
    pair = Scenario(steps=(Parallel(steps=(said(1), Turn(session="b", message="2"))),))
    needed = Turn(session="b", message="2")
    assert shrunk(pair, lambda one: needed in flat(one.steps)).steps == (needed,)


@pytest.mark.parametrize("needed", [0, 1, 2, 3, 7])
def test_retries_are_as_few_as_fail(needed):
    """A turn is sent again as often as it takes, and not at all where it takes none."""
    scenario = Scenario(steps=(Turn(), Turn(retries=7, idempotency_key="k", message=f"And {CANARY}?")))

    def fails(one: Scenario) -> bool:
        return len(one.steps) == 2 and one.steps[1].retries >= needed

    assert shrunk(scenario, fails).steps == (Turn(), Turn(retries=needed))


ODD = Scenario(
    steps=(
        Request(method="POST", path="/x", body={"a": [1]}, headers={"x": "y"}),
        Disconnect(session="b", message="m", after_s=1.5),
        Turn(session="c", message=CANARY, idempotency_key="k"),
        Restart(kill=True),
    ),
    faults=(
        ProviderServerError(
            status=503,
            body="html",
            window=Window(from_step=1, until_step=2, level="structured", first_n=3, every_k=2, p=0.5),
        ),
    ),
    golden_turns=5,
    stages=("live",),
)


def test_what_matters_keeps_its_value():
    """Each field goes to its default by itself: the one knob, the one text that it takes stay as they were."""

    def fails(one: Scenario) -> bool:
        kinds = [type(step) for step in one.steps]
        return (
            kinds == [type(step) for step in ODD.steps]
            and one.steps[0].body == {"a": [1]}
            and one.steps[1].after_s > 1
            and one.steps[2].idempotency_key is not None
            and [fault.status for fault in one.faults] == [503]
            and one.faults[0].window.first_n is not None
            and one.golden_turns >= 2
        )

    assert shrunk(ODD, fails) == Scenario(
        steps=(
            Request(path="/x", body={"a": [1]}),
            Disconnect(after_s=1.5),
            Turn(idempotency_key="k"),
            Restart(),
        ),
        faults=(ProviderServerError(status=503, window=Window(first_n=3)),),
        golden_turns=2,
        stages=("live",),
    )


def test_a_fault_does_not_move_onto_the_turn_that_opens_a_shared_session():
    """Were that turn not answered, the others would each be right to open a session, and the finding would be another."""
    scenario = Scenario(
        steps=(Turn(), Parallel(steps=(Turn(), Turn()))),
        faults=(ProviderNoReply(window=Window(from_step=1)),),
    )
    shares = Parallel(steps=(Turn(), Turn()))
    assert shrunk(scenario, lambda one: shares in one.steps and bool(one.faults)) == replace(
        scenario, golden_turns=1
    )
    meant = replace(scenario, faults=(ProviderNoReply(window=Window(until_step=0)),))
    found = shrunk(meant, lambda one: shares in one.steps and bool(one.faults))
    assert found.faults == (ProviderNoReply(),)


def test_the_best_scenario_so_far_is_given_when_the_budget_is_spent():
    """After any number of questions there is a scenario that fails, and with each question it is no larger."""
    scenario = Scenario(steps=tuple(said(number) for number in range(20)))

    def fails(one: Scenario) -> bool:
        return {"3", "11"} <= {step.message for step in one.steps}

    sizes = []
    for budget in range(30):
        left = iter(range(budget))
        found = drive(smaller_scenarios, scenario, fails, spent=lambda left=left: next(left, None) is None)
        assert fails(found)
        sizes.append(len(found.steps))
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (20, 2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), unique=True, max_size=40),
    st.data(),
)
def test_holds_are_left_out_and_what_is_left_is_lowered(keys, data):
    """Of a schedule the deviations that matter are left, each as short as it may be, and nothing is asked for twice."""
    holds = tuple(Hold(lane, step, data.draw(st.integers(1, 20))) for lane, step in sorted(keys))
    few = data.draw(st.sets(st.sampled_from(holds), max_size=3)) if holds else set()
    needed = {(hold.lane, hold.step): data.draw(st.integers(1, hold.times)) for hold in sorted(few)}
    asked = [holds]

    def fails(candidate: tuple[Hold, ...]) -> bool:
        assert candidate not in asked
        asked.append(candidate)
        times = {(hold.lane, hold.step): hold.times for hold in candidate}
        return all(times.get(key, 0) >= least for key, least in needed.items())

    found = drive(fewer_holds, holds, fails)
    assert found == tuple(Hold(lane, step, times) for (lane, step), times in needed.items())

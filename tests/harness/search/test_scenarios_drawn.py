"""What the generator draws can be played, judged fairly, and is varied; Hypothesis and chance draw it alike."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from harness import library
from harness.errors import UsageError
from harness.faults import NetworkRefused, ProviderNoReply
from harness.registry import CAPABILITIES, FAULTS, INVARIANTS, OBSERVED
from harness.rig import Window
from harness.scenario import (
    Disconnect,
    Parallel,
    Request,
    Restart,
    Scenario,
    Schedule,
    Turn,
    Wait,
    flat,
)
from harness.search.draw import Chance, Draw
from harness.search.scenarios import Surface, scenario, swarmed
from harness.search.strategies import scenarios, variations
from harness.search.swarm import drawable, moved, settled
from harness.targets import profile as profiles

WHOLE = Surface(
    sessions=True, restarts=True, health="/health", capabilities=frozenset(CAPABILITIES) - OBSERVED
)
BARE = Surface(sessions=False)
BASE = Scenario(
    steps=(Turn(), Parallel(steps=(Turn(), Turn())), Turn()),
    faults=(ProviderNoReply(window=Window(from_step=1)), NetworkRefused(window=Window(from_step=2))),
    invariants=(INVARIANTS.get("liveness.recovers"),),
    defects=("one",),
    name="base",
    summary="said",
    origin="somewhere",
    seed=5,
    schedule=Schedule(code="c"),
    stages=("simulated",),
)


class Simplest(Draw):
    def integer(self, least: int, most: int) -> int:
        return least


def by_chance(seed: int) -> Chance:
    """Draws of this seed."""
    return Chance(random.Random(seed))


def asks(step) -> bool:
    """True for a step that makes the service call its provider."""
    return any(isinstance(inner, Turn | Disconnect) for inner in flat((step,)))


@settings(deadline=None)
@given(scenarios(WHOLE))
def test_a_fault_is_armed_where_it_can_fire_and_be_judged(drawn):
    """Each window opens on a step that makes a call, after the sessions that several share are open, for calls enough, at its class's rate."""
    assert drawn.stages == ("simulated",)
    for fault in drawn.faults:
        window = fault.window
        assert settled(drawn.steps) <= window.from_step
        assert asks(drawn.steps[window.from_step])
        assert window.until_step is None or window.until_step < len(drawn.steps)
        assert window.first_n is None or window.first_n >= window.every_k
        of_its_class = [other.window.p for other in drawn.faults if other.name == fault.name]
        assert len(of_its_class) <= 2
        assert len(set(of_its_class)) == 1


@settings(deadline=None)
@given(scenarios(WHOLE))
def test_who_opens_a_session_is_never_chance(drawn):
    """Turns that begin together, or are sent again, are of sessions that an earlier step has opened."""
    assert settled(drawn.steps) < len(drawn.steps)
    assert isinstance(drawn.steps[0], Turn)
    assert not any(isinstance(step, Restart) and step.kill for step in drawn.steps)


@settings(deadline=None)
@given(scenarios(BARE))
def test_what_a_target_has_not_is_not_drawn(drawn):
    """Without sessions no two turns share one; without a store of the run's no restart; without a health path no request."""
    talks = [step.session for step in flat(drawn.steps) if isinstance(step, Turn | Disconnect)]
    assert len(set(talks)) == len(talks)
    assert not any(isinstance(step, Restart | Request) for step in flat(drawn.steps))


def test_every_kind_of_step_and_fault_is_drawn_and_every_one_is_left_out():
    """Swarm: over many seeds all kinds appear, contention and retries under a key too, and no kind is in every run."""
    seen: Counter[str] = Counter()
    for seed in range(900):
        drawn = scenario(by_chance(seed), WHOLE)
        inner = flat(drawn.steps)
        turns = [step for step in inner if isinstance(step, Turn)]
        kinds = {type(step).__name__ for step in drawn.steps} | {fault.name for fault in drawn.faults}
        kinds |= {"key" for turn in turns if turn.retries and turn.idempotency_key}
        kinds |= {"no key" for turn in turns if turn.retries and not turn.idempotency_key}
        kinds |= {"canary" for turn in turns if "{canary}" in turn.message}
        kinds |= {f"session {turn.session}" for turn in turns}
        kinds |= {"p" for fault in drawn.faults if fault.window.p < 1}
        kinds |= {"knob" for fault in drawn.faults if fault != type(fault)(window=fault.window)}
        for number, step in enumerate(drawn.steps):
            left = {one.session for one in drawn.steps[:number] if isinstance(one, Disconnect)}
            held = {one.session for one in flat(drawn.steps[:number]) if isinstance(one, Turn)}
            kinds |= {"late"} if isinstance(step, Turn) and step.session in left - held else set()
            together = [one.session for one in flat((step,)) if isinstance(one, Turn | Disconnect)]
            kinds |= {"contention"} if len(set(together)) < len(together) else set()
        seen.update(kinds)
    wanted = {kind.__name__ for kind in (Turn, Parallel, Disconnect, Wait, Request, Restart)}
    wanted |= {kind.name for kind in drawable(FAULTS.values(), WHOLE.capabilities)} | {
        "contention",
        "key",
        "no key",
        "canary",
    }
    wanted |= {"session a", "session b", "session c", "session d", "p", "knob", "late"}
    assert not {kind for kind in wanted if seen[kind] < 5}
    assert not {kind for kind in wanted - {"Turn"} if seen[kind] == 900}


def test_a_seed_replays():
    """The same seed draws the same scenario, and another one another."""
    assert scenario(by_chance(11), WHOLE) == scenario(by_chance(11), WHOLE)
    assert len({repr(scenario(by_chance(seed), WHOLE)) for seed in range(50)}) > 40


def test_hypothesis_shrinks_towards_one_plain_turn():
    """Each draw's simplest value is the simplest scenario's: one turn, and where a fault is needed, one on every call."""
    assert find(scenarios(WHOLE), lambda _: True) == Scenario(steps=(Turn(),), stages=("simulated",))
    least = find(scenarios(WHOLE), lambda drawn: bool(drawn.faults))
    assert (least.steps, [fault.window for fault in least.faults]) == ((Turn(),), [Window()])
    assert scenario(Simplest(), WHOLE) == Scenario(steps=(Turn(),), stages=("simulated",))


def test_the_surface_is_read_from_a_profile():
    """Sessions by the body of a turn, restarts by what is promised of them, health by its path."""
    whole = profiles.load()
    read = replace(WHOLE, capabilities=whole.capabilities)
    assert Surface.of(whole) == read
    alone = replace(whole.turn, body={"text": "{message}"})
    bare = replace(BARE, capabilities=whole.capabilities - {"sessions"})
    assert Surface.of(replace(whole, turn=alone, health=None)) == bare
    forgetful = replace(whole, contract=replace(whole.contract, sessions_outlive=False))
    assert Surface.of(forgetful) == replace(read, restarts=False)


@pytest.mark.parametrize("base", library.find([]), ids=lambda base: base.name)
@settings(deadline=None)
@given(st.data())
def test_a_variation_does_the_same_under_other_faults(base, data):
    """Steps, name and origin stay; what was said of the faults holds only while they are the same."""
    varied = data.draw(variations(base, WHOLE))
    assert (varied.steps, varied.name, varied.origin) == (base.steps, base.name, base.origin)
    assert varied.stages == (("simulated",) if "simulated" in base.stages else base.stages)
    same = varied.faults == base.faults
    assert varied.defects == (base.defects if same else ())


@settings(deadline=None)
@given(variations(BASE, WHOLE))
def test_own_invariants_hold_only_under_the_own_faults(varied):
    """An invariant that a scenario was given says something about its faults: with others it is left out."""
    assert varied.invariants == (BASE.invariants if varied.faults == BASE.faults else ())
    assert (varied.seed, varied.schedule) == (None, None)
    for fault in varied.faults:
        assert fault.window.from_step >= settled(BASE.steps) == 1


def test_faults_are_kept_left_out_moved_and_added():
    """Each of the four happens, and the simplest variation is none."""
    varied = [swarmed(by_chance(seed), BASE, WHOLE.capabilities).faults for seed in range(200)]
    assert BASE.faults in varied
    assert any(not faults for faults in varied)
    assert any(
        type(fault) is ProviderNoReply and fault.window != Window(from_step=1)
        for faults in varied
        for fault in faults
    )
    assert any(type(fault) not in (ProviderNoReply, NetworkRefused) for faults in varied for fault in faults)
    assert swarmed(Simplest(), BASE, WHOLE.capabilities).faults == BASE.faults


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ((Turn(), Turn(), Wait(for_s=1.0)), 0),
        ((Turn(), Turn(session="b"), Parallel(steps=(Turn(), Turn(session="b")))), 0),
        ((Turn(session="b"), Turn(), Parallel(steps=(Turn(), Turn()))), 2),
        ((Turn(), Turn(session="b"), Turn(retries=1)), 1),
        ((Turn(), Parallel(steps=(Turn(), Disconnect()))), 1),
        ((Parallel(steps=(Turn(), Disconnect())), Turn()), 2),
        ((Disconnect(), Parallel(steps=(Disconnect(), Disconnect()))), 2),
    ],
)
def test_a_fault_may_hit_what_follows_the_openings_of_shared_sessions(steps, first):
    """Were a shared session's first turn not answered, each of the next would open its own: no fault before that."""
    assert settled(steps) == first


@dataclass(frozen=True, kw_only=True)
class Plain:
    name: ClassVar[str] = "test.plain"
    window: Window
    knobs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asking(Plain):
    address: str


@dataclass(frozen=True, kw_only=True)
class Windowless:
    name: ClassVar[str] = "test.windowless"


class NoData:
    name: ClassVar[str] = "test.no_data"


def test_a_class_that_asks_for_more_than_a_window_is_left_out():
    """What has no default cannot be guessed, and what has no window cannot be placed."""
    assert drawable((Plain, Asking, Windowless, NoData), WHOLE.capabilities) == (Plain,)


@dataclass(frozen=True, kw_only=True)
class Live(Plain):
    stages: ClassVar[tuple[str, ...]] = ("live",)


@dataclass(frozen=True, kw_only=True)
class Needing(Plain):
    needs: ClassVar[frozenset[str]] = frozenset({"streams"})


@dataclass(frozen=True, kw_only=True)
class Proving(Plain):
    calibrates: ClassVar[bool] = True


def test_what_the_target_cannot_be_put_under_is_not_drawn():
    """A fault that is played live, one that needs what is not there, and one that no target withstands prove nothing."""
    assert drawable((Plain, Live, Proving, Needing), frozenset()) == (Plain,)
    assert drawable((Plain, Needing), frozenset({"streams"})) == (Plain, Needing)


ONLY = Window(from_step=1, level="structured")


@dataclass(frozen=True, kw_only=True)
class Stubborn:
    """A fault that takes one window only."""

    name: ClassVar[str] = "test.stubborn"
    window: Window = ONLY

    def __post_init__(self) -> None:
        if self.window != ONLY:
            raise UsageError("only this one")

    def inject(self, rig: Any) -> Any:
        raise NotImplementedError


def test_a_fault_that_takes_no_other_window_stays_where_it_is():
    """A class may refuse every window that is drawn: then it is not moved."""
    for seed in range(20):
        assert moved(by_chance(seed), Stubborn(), (Turn(), Turn())) == Stubborn()

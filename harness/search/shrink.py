"""Shrinkers for what a search finds: scenarios, and the schedules that they fail under. See `harness.search.shrinking`."""

import math
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, replace
from functools import partial
from typing import Any, TypeVar

from harness.errors import UsageError
from harness.rig import Fault, Window
from harness.scenario import Parallel, Scenario, Step, Turn, flat
from harness.search.shrinking import Shrinking, drive, drive_async, fewer, lower, mapped
from harness.search.swarm import settled
from harness.simulation import Hold

__all__ = ["Shrinking", "drive", "drive_async", "fewer", "fewer_holds", "smaller_scenarios"]

A = TypeVar("A")

_Tries = Generator[Scenario | None, bool, object]
"""As `Shrinking`, and None stands for a candidate that cannot be made."""

_Place = tuple[int, int | None]
"""A step: its index, and the index inside a `Parallel`."""


def fewer_holds(holds: Sequence[Hold]) -> Shrinking[tuple[Hold, ...]]:
    """Leaves out deviations of a schedule, then lowers how often each one that is left passes its lane over."""
    kept = yield from fewer(holds)
    for place in range(len(kept)):
        times = yield from mapped(lower(kept[place].times, 1), _with_times(kept, place))
        kept = _with_times(kept, place)(times)
    return kept


def _with_times(holds: tuple[Hold, ...], place: int) -> Callable[[int], tuple[Hold, ...]]:
    """Changes `times` of the hold at a place."""
    return lambda times: (*holds[:place], replace(holds[place], times=times), *holds[place + 1 :])


def smaller_scenarios(scenario: Scenario) -> Shrinking[Scenario]:
    """Leaves out faults and steps, plays together's one after the other, and takes defaults, over and over.

    The windows of faults keep to their steps; a fault none of whose steps is left goes with them. What could not be
    played is not asked for, and nothing twice, nor a fault on the turn that opens a session for several, where there
    was none. Own invariants, seed and schedule stay as they are.
    """
    asked = [scenario]
    careful = _settled(scenario)
    while True:
        before = scenario
        for tries in _PASSES:
            scenario = yield from _unasked(tries(scenario), scenario, asked, careful=careful)
        if scenario is before:
            return scenario


def _settled(scenario: Scenario) -> bool:
    """True where it is sure which turn opens which session."""
    least = settled(scenario.steps)
    return least < len(scenario.steps) and all(fault.window.from_step >= least for fault in scenario.faults)


def _unasked(tries: _Tries, best: Scenario, asked: list[Scenario], *, careful: bool) -> Shrinking[Scenario]:
    """Asks for what can be made and was not asked for yet; of anything else, it is known that it is no progress."""
    try:
        candidate = next(tries)
        while True:
            failed = False
            sound = candidate is not None and (_settled(candidate) or not careful)
            if candidate is not None and sound and candidate not in asked:
                asked.append(candidate)
                failed = yield candidate
                best = candidate if failed else best
            candidate = tries.send(failed)
    except StopIteration:
        return best


def _tried(questions: Shrinking[A], make: Callable[[A], Scenario]) -> Generator[Scenario | None, bool, A]:
    """As `mapped`; what is refused where it is made cannot be played."""

    def made(candidate: A) -> Scenario | None:
        try:
            return make(candidate)
        except UsageError:
            return None

    return mapped(questions, made)


def _fewer_faults(scenario: Scenario) -> _Tries:
    return _tried(fewer(scenario.faults), lambda kept: replace(scenario, faults=kept))


def _fewer_steps(scenario: Scenario) -> _Tries:
    """Steps inside `Parallel` are left out one by one too."""

    def make(kept: Sequence[_Place]) -> Scenario:
        left = _gathered(scenario.steps, {place: steps[place] for place in kept})
        return _with_steps(scenario, tuple(left))

    steps = dict(_placed(scenario.steps))
    return _tried(fewer(tuple(steps)), make)


def _one_after_the_other(scenario: Scenario) -> _Tries:
    """What begins together is played in order instead; what is alone in its `Parallel` anyway."""

    def make(kept: Sequence[int]) -> Scenario:
        played = ((index, (step,) if index in kept else flat((step,))) for index, step in numbered)
        return _with_steps(scenario, [(index, step) for index, steps in played for step in steps])

    numbered = tuple(enumerate(scenario.steps))
    together = tuple(index for index, step in numbered if isinstance(step, Parallel))
    return _tried(fewer(together), make)


def _plainer_steps(scenario: Scenario) -> _Tries:
    """Fields of steps take their defaults: first all of them."""

    def make(kept: Sequence[tuple[_Place, str]]) -> Scenario:
        plain = {place: _plain(step, [name for at, name in kept if at == place]) for place, step in placed}
        return replace(scenario, steps=tuple(step for _, step in _gathered(scenario.steps, plain)))

    placed = tuple(_placed(scenario.steps))
    return _tried(fewer(tuple((place, name) for place, step in placed for name in _odd(step))), make)


def _plainer_faults(scenario: Scenario) -> _Tries:
    """Windows and knobs take their defaults: first all of them."""

    def make(kept: Sequence[tuple[int, str, str]]) -> Scenario:
        faults = []
        for index, fault in enumerate(scenario.faults):
            stay = {part: [name for at, of, name in kept if (at, of) == (index, part)] for part in _PARTS}
            window = _plain(fault.window, stay["window"])
            faults.append(replace(_plain(fault, [*stay["knobs"], "window"]), window=window))
        return replace(scenario, faults=tuple(faults))

    odd = [
        (index, part, name)
        for index, fault in enumerate(scenario.faults)
        for part, thing in zip(_PARTS, (fault.window, fault), strict=True)
        for name in _odd(thing)
        if (part, name) != ("knobs", "window")
    ]
    return _tried(fewer(odd), make)


def _fewer_retries(scenario: Scenario) -> Generator[Scenario | None, bool, None]:
    """What has to be sent again is sent again less often."""
    for place, step in _placed(scenario.steps):
        if isinstance(step, Turn) and step.retries > 1:
            make = partial(_with_retries, scenario, place)
            scenario = make((yield from _tried(lower(step.retries, 1), make)))


def _with_retries(scenario: Scenario, place: _Place, retries: int) -> Scenario:
    steps: dict[_Place, Any] = dict(_placed(scenario.steps))
    steps[place] = replace(steps[place], retries=retries)
    return replace(scenario, steps=tuple(step for _, step in _gathered(scenario.steps, steps)))


def _fewer_golden(scenario: Scenario) -> _Tries:
    return _tried(lower(scenario.golden_turns, 1), lambda turns: replace(scenario, golden_turns=turns))


_PARTS = ("window", "knobs")
_PASSES: tuple[Callable[[Scenario], _Tries], ...] = (
    _fewer_faults,
    _fewer_steps,
    _one_after_the_other,
    _plainer_steps,
    _plainer_faults,
    _fewer_retries,
    _fewer_golden,
)


def _with_steps(scenario: Scenario, kept: Sequence[tuple[int, Step]]) -> Scenario:
    """The scenario with these steps, each with the index that it had; windows keep to the steps that they had."""
    origins = [origin for origin, _ in kept]
    faults = (_reindexed(fault, origins) for fault in scenario.faults)
    return replace(
        scenario,
        steps=tuple(step for _, step in kept),
        faults=tuple(fault for fault in faults if fault is not None),
    )


def _reindexed(fault: Any, origins: Sequence[int]) -> Fault | None:
    """The fault on those of its steps that are left; None where none is."""
    window: Window = fault.window
    last = math.inf if window.until_step is None else window.until_step
    inside = [index for index, origin in enumerate(origins) if window.from_step <= origin <= last]
    if not inside:
        return None
    until_step = None if window.until_step is None else inside[-1]
    moved: Fault = replace(fault, window=replace(window, from_step=inside[0], until_step=until_step))
    return moved


def _placed(steps: Sequence[Step]) -> Iterator[tuple[_Place, Step]]:
    """Each step that does something, with its place."""
    for index, step in enumerate(steps):
        if isinstance(step, Parallel):
            yield from (((index, place), inner) for place, inner in enumerate(step.steps))
        else:
            yield (index, None), step


def _gathered(steps: Sequence[Step], kept: Mapping[_Place, Any]) -> Iterator[tuple[int, Step]]:
    """Puts what is kept together again as it was, each with its index; an empty `Parallel` is none."""
    for index, step in enumerate(steps):
        inner = tuple(one for (outer, _), one in kept.items() if outer == index)
        if inner:
            yield index, Parallel(steps=inner) if isinstance(step, Parallel) else inner[0]


def _odd(thing: Any) -> Iterator[str]:
    """The fields that are not at their default."""
    for item in fields(thing):
        default = _default(item)
        value = getattr(thing, item.name)
        same = value == default or repr(value) == repr(default)  # NaN is not equal to itself
        if default is not MISSING and not same:
            yield item.name


def _plain(thing: Any, stay: Collection[str]) -> Any:
    """The thing with its odd fields at their defaults, but for those that stay."""
    odd = [item for item in fields(thing) if item.name in _odd(thing) and item.name not in stay]
    return replace(thing, **{item.name: _default(item) for item in odd})


def _default(item: Field[Any]) -> Any:
    """What a field is where nothing is said; MISSING where something must be."""
    return item.default if item.default_factory is MISSING else item.default_factory()

"""Faults at swarm rates: which classes exist in a run is drawn first, then at which rate, then when."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from harness.errors import UsageError
from harness.registry import FAULTS, OBSERVED, calibrates, needs_of, stages_of
from harness.rig import Fault, Window
from harness.scenario import Disconnect, Step, Turn, flat
from harness.search.draw import Draw
from harness.variants import choices_of

CLASSES_MAX = 4
WINDOWS_MAX = 2
CALLS_MAX = 4
RATES = (1.0, 0.5, 0.2)
LEVELS = (None, "conversation", "structured")


def drawn_faults(
    draw: Draw, steps: Sequence[Step], *, classes: int, capabilities: frozenset[str], stage: str = "simulated"
) -> tuple[Fault, ...]:
    """Faults of so many classes that the stage can put a target with these capabilities under, those of one at one rate."""
    left = list(drawable(FAULTS.values(), capabilities, stage))
    least, found = settled(steps), []
    for _ in range(min(classes, len(left))):
        kind = draw.sample(left)
        left.remove(kind)
        rate = draw.sample(RATES)
        for _ in range(draw.integer(1, WINDOWS_MAX)):
            window = _window(draw, steps, least, rate)
            found.append(_made(kind, window, _knobs(draw, kind)))
    return tuple(fault for fault in found if fault is not None)


def moved(draw: Draw, fault: Fault, steps: Sequence[Step]) -> Fault:
    """The fault in another window, no earlier than it was meant to be or than a drawn one may."""
    least = min(settled(steps), fault.window.from_step)
    window = _window(draw, steps, least, draw.sample(RATES))
    return _made(partial(_replaced, fault), window, {}) or fault


def _replaced(fault: Any, **changes: Any) -> Fault:
    changed: Fault = replace(fault, **changes)
    return changed


def settled(steps: Sequence[Step]) -> int:
    """The first step that a drawn fault may hit.

    Those before it open the sessions in which, later, several turns begin together or one is sent again: were the
    turn that opens such a session not answered, each of them would open a session of its own, and be right to.
    Where such a session is not opened at all, that is so without any fault; it is the number of steps then.
    """
    opened: dict[str, int] = {}
    least = 0
    for index, step in enumerate(steps):
        talks = [inner for inner in flat((step,)) if isinstance(inner, Turn | Disconnect)]
        sessions = [talk.session for talk in talks]
        for talk in talks:
            again = isinstance(talk, Turn) and talk.retries > 0
            if again or sessions.count(talk.session) > 1:
                least = max(least, opened.get(talk.session, len(steps) - 1) + 1)
        for talk in talks:
            if isinstance(talk, Turn):
                opened.setdefault(talk.session, index)
    return least


def drawable(
    kinds: Iterable[object], capabilities: frozenset[str], stage: str = "simulated"
) -> tuple[type[Any], ...]:
    """Those classes of faults that have a window, and a default for everything else, and that can be played here."""
    return tuple(
        kind
        for kind in kinds
        if isinstance(kind, type)
        and is_dataclass(kind)
        and _has_defaults(fields(kind))
        and stage in stages_of(kind)
        and needs_of(kind) <= capabilities | OBSERVED - {"factory"}  # of which an instance has none
        and not calibrates(kind)
    )


def _has_defaults(knobs: Sequence[Field[Any]]) -> bool:
    """True where nothing but a window has to be given."""
    defaults = {item.name: (item.default, item.default_factory) for item in knobs if item.init}
    asked = {name for name, default in defaults.items() if default == (MISSING, MISSING)}
    return "window" in defaults and asked <= {"window"}


def _window(draw: Draw, steps: Sequence[Step], least: int, rate: float) -> Window:
    """A window that opens, not before step `least`, with a step that makes a call."""
    asking = [
        index
        for index, step in enumerate(steps)
        if index >= least and any(isinstance(inner, Turn | Disconnect) for inner in flat((step,)))
    ]
    from_step = draw.sample(asking or [min(least, len(steps) - 1)])
    until_step = draw.integer(from_step, len(steps) - 1) if draw.chance(0.5) else None
    every_k = draw.integer(1, CALLS_MAX) if draw.chance(0.2) else 1
    return Window(
        from_step=from_step,
        until_step=until_step,
        level=draw.sample(LEVELS),
        # Fewer than every_k would let none through.
        first_n=draw.integer(every_k, every_k + CALLS_MAX) if draw.chance(0.4) else None,
        every_k=every_k,
        p=rate,
    )


def _knobs(draw: Draw, kind: type[Any]) -> dict[str, Any]:
    """Other values for some of the choices and numbers that a class has a default for; it may well refuse them."""
    knobs: dict[str, Any] = {}
    choices = choices_of(kind)
    for item in fields(kind):
        default: Any = item.default
        if item.name in choices:
            if draw.chance(0.4) and len(choices[item.name]) > 1:
                knobs[item.name] = draw.sample(choices[item.name][1:])  # the first is the default: no knob
            continue
        if type(default) in (int, float) and math.isfinite(default) and draw.chance(0.4):
            knobs[item.name] = draw.sample(_others(default))
    return knobs


def _others(default: float) -> tuple[int | float, ...]:
    """Values near a default and of other magnitudes, none much larger: sizes and times would be."""
    if isinstance(default, int):
        return (default + 1, default + 3, default + 4, default // 10, default * 2)
    return tuple(round(default * factor, 9) for factor in (0.5, 0.1, 0.01, 2.0))


def _made(kind: Callable[..., Fault], window: Window, knobs: dict[str, Any]) -> Fault | None:
    """The fault, with what its class accepts of window and knobs; None where that is not even some steps.

    A wire knows calls and no levels, a process only steps.
    """
    stepwise = Window(from_step=window.from_step, until_step=window.until_step)
    anywhere = replace(window, level=None)
    for accepted, numbers in product((window, anywhere, stepwise), (knobs, {})):
        try:
            return kind(window=accepted, **numbers)
        except UsageError:
            continue
    return None

"""Trials: what an exploration plays, one after the other; the same seed gives the same ones."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.scenario import Scenario
from harness.search.draw import Chance
from harness.search.scenarios import Surface, scenario, swarmed
from harness.targets.driven import POLICIES

DRAWN = "drawn"
"""The name of a scenario that was drawn, and is no variation of one that is there."""

LATER = ("random", "pct", "pct")
"""The ordinary run is looked at once; after that the schedule deviates, more often by the policy that finds deep orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of an exploration: a scenario under a seed and a policy of the schedule. `number` counts from 1."""

    number: int
    scenario: Scenario
    seed: int
    policy: str

    def __str__(self) -> str:
        return f"{self.scenario.name}, seed {self.seed}, {self.policy}"


def trials(
    bases: Sequence[Scenario], surface: Surface, seed: int, *, drawing: bool = False, faults: bool = True
) -> Iterator[Trial]:
    """Scenarios times seeds times policies, without an end: each base as it is, then with other `faults`, in turns.

    With `drawing` every turn also draws a scenario of its own, for a target of this surface. A base that brings a seed or a schedule is played
    without them: they are of one run, and this looks for others.
    """
    plain = [replace(base, seed=None, schedule=None) for base in bases]
    turns: list[tuple[Scenario | None, bool]] = [
        (base, varied) for varied in (False, True)[: 1 + faults] for base in plain
    ]
    turns += [(None, False)] if drawing else []
    for number, (base, varied) in enumerate(itertools.cycle(turns), start=1):
        stream = random.Random(f"explore-{seed}-{number}")
        policy = POLICIES[0] if number <= len(turns) else stream.choice(LATER)
        draw = Chance(stream)
        if base is not None:
            played = swarmed(draw, base, surface.capabilities) if varied else base
        else:
            played = replace(scenario(draw, surface), name=DRAWN)
        yield Trial(number=number, scenario=played, seed=stream.getrandbits(31), policy=policy)

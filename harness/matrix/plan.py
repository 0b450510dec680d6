"""What a matrix plays: which scenarios clean, which with which defects on, and each in which stage."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

from harness.errors import UsageError
from harness.runner import check_needs
from harness.scenario import Scenario
from harness.targets.profile import Profile


class Mistake(Protocol):
    """What a matrix wants of a defect: why it must be caught, what it is, and which parts of the target it replaces."""

    incident_class: str
    summary: str
    sources: tuple[str, ...]
    reasons: tuple[str, ...]
    parts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scenario with so many defects on; none is the clean service."""

    scenario: Scenario
    stage: str
    defects: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What is being played, in words."""
        return f"{self.scenario.name}, {' and '.join(self.defects) or 'clean'}, {self.stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The scenarios with the stage that each is played in, and those that cannot be played here, with the reason."""

    here: tuple[tuple[Scenario, str], ...]
    elsewhere: Mapping[str, str]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Those that are played."""
        return tuple(scenario for scenario, _ in self.here)

    @property
    def declared(self) -> frozenset[str]:
        """The defects that those declare."""
        return frozenset(name for scenario in self.scenarios for name in scenario.defects)


def placed(scenarios: Iterable[Scenario], stages: Sequence[str], profile: Profile) -> Placed:
    """Each scenario once, in the first of the stages that can carry it, where the target has what its faults break.

    Raises:
        UsageError: none of them can be played; the message says why of the first.
    """
    here: list[tuple[Scenario, str]] = []
    elsewhere: dict[str, str] = {}
    for scenario in distinct(scenarios):
        stage = next((stage for stage in stages if stage in scenario.stages), None)
        try:
            check_needs(scenario, profile)
        except UsageError as error:
            elsewhere[scenario.name] = str(error).removeprefix(f"{scenario.name}: ")
            continue
        if stage is None:
            elsewhere[scenario.name] = f"is played {' or '.join(scenario.stages)}"
        else:
            here.append((scenario, stage))
    if not here:
        name, reason = next(iter(elsewhere.items()))
        raise UsageError(f"nothing to play {' or '.join(stages)} on {profile.name}: {name}: {reason}")
    return Placed(here=tuple(here), elsewhere=elsewhere)


def distinct(scenarios: Iterable[Scenario]) -> tuple[Scenario, ...]:
    """Each scenario once; of several files with one name each goes by its whole path, since results are told by name."""
    single = list({scenario.origin or scenario.name: scenario for scenario in scenarios}.values())
    times = Counter(scenario.name for scenario in single)
    return tuple(
        replace(one, name=".".join(Path(one.origin).with_suffix("").parts[1:]))
        if one.origin and times[one.name] > 1
        else one
        for one in single
    )


def cells(found: Placed, names: Iterable[str], *, full: bool) -> Iterator[Cell]:
    """Every scenario clean, then each defect with the scenarios that declare it, or with all where `full`."""
    for scenario, stage in found.here:
        yield Cell(scenario=scenario, stage=stage)
    for name in names:
        for scenario, stage in found.here:
            if full or name in scenario.defects:
                yield Cell(scenario=scenario, stage=stage, defects=(name,))


def pairs(catalog: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The defects of which two can be on at once: those that replace no part in common."""
    for one, other in combinations(sorted(catalog), 2):
        if not catalog[one].parts & catalog[other].parts:
            yield one, other


def paired(found: Placed, wanted: Iterable[tuple[str, str]]) -> Iterator[Cell]:
    """Each pair of defects with the scenarios that declare one of the two."""
    for pair in wanted:
        for scenario, stage in found.here:
            if set(pair) & set(scenario.defects):
                yield Cell(scenario=scenario, stage=stage, defects=pair)

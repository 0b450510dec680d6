"""What a matrix plays: which scenarios clean, which with which defects on, and each in which stage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

from harness.scenario import Scenario


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


def stage_for(scenario: Scenario, stages: Sequence[str]) -> str | None:
    """The first of the stages that can carry a scenario; None where none can."""
    return next((stage for stage in stages if stage in scenario.stages), None)


def cells(
    scenarios: Iterable[Scenario], stages: Sequence[str], names: Iterable[str], *, full: bool
) -> Iterator[Cell]:
    """Every scenario clean, then each defect with the scenarios that declare it, or with all where `full`."""
    placed = [(scenario, stage) for scenario in scenarios if (stage := stage_for(scenario, stages))]
    for scenario, stage in placed:
        yield Cell(scenario=scenario, stage=stage)
    for name in names:
        for scenario, stage in placed:
            if full or name in scenario.defects:
                yield Cell(scenario=scenario, stage=stage, defects=(name,))


def pairs(catalog: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The defects of which two can be on at once: those that replace no part in common."""
    for one, other in combinations(sorted(catalog), 2):
        if not catalog[one].parts & catalog[other].parts:
            yield one, other


def paired(
    scenarios: Sequence[Scenario], stages: Sequence[str], catalog: Mapping[str, Any]
) -> Iterator[Cell]:
    """Each pair of defects with the scenarios that declare one of the two."""
    for pair in pairs(catalog):
        for scenario in scenarios:
            stage = stage_for(scenario, stages)
            if stage is not None and set(pair) & set(scenario.defects):
                yield Cell(scenario=scenario, stage=stage, defects=pair)

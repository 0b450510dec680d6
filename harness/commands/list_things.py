"""`shakeout list`: what there is, one line each."""

from enum import StrEnum
from typing import Annotated

import typer

from harness import library
from harness.bridges.property import catalog
from harness.commands.aim import resolve
from harness.commands.common import Target, out
from harness.gates import criteria
from harness.registry import FAULTS, INVARIANTS
from harness.reports import terminal
from harness.scenario import Scenario
from harness.targets.profile import defect_catalog
from harness.variants import variants


class Kind(StrEnum):
    """What can be listed."""

    FAULTS = "faults"
    INVARIANTS = "invariants"
    SCENARIOS = "scenarios"
    DEFECTS = "defects"
    GATES = "gates"
    PROPERTIES = "properties"


GRAMMAR = """a gate: METRIC [@scenario=NAME] [@endpoint=NAME] [@phase=NAME] OP LIMIT [alpha=A] [min_n=N] [abort]
OP is one of < <= > >= ==, of a log("EVENT") also `increases`, without a LIMIT, against --baseline
LIMIT is a share (0.1%), a time (2s, 500ms) or a number; a NAME with blanks stands in quotes"""


def command(kind: Annotated[Kind, typer.Argument(help="What to list.")], *, target: Target = None) -> None:
    """Say what there is, one line each."""
    terminal.show_rows(out, (str(kind), ""), _rows(kind, target))
    if kind is Kind.GATES:
        out.print(f"\n{GRAMMAR}", markup=False)


def _faults(scenario: Scenario) -> str:
    """The faults of a scenario, behind what it says of itself: `load --scenario` wants one that has some."""
    names = ", ".join(dict.fromkeys(fault.name for fault in scenario.faults))
    return f" (under {names})" if names else ""


def _of_faults() -> list[tuple[str, str]]:
    """The invariants that are asked under some faults only, each with those."""
    held: dict[str, tuple[str, dict[str, None]]] = {}
    for name, kind in FAULTS.items():
        for fault in variants(kind):
            for one in getattr(fault, "holds", ()):
                held.setdefault(one.name, (one.summary, {}))[1][name] = None
    return [
        (name, f"{summary} (under {_some(list(faults))})") for name, (summary, faults) in sorted(held.items())
    ]


def _some(names: list[str]) -> str:
    """The first of some names; that it is not the only one shows."""
    return names[0] if len(names) == 1 else f"{names[0]}, ..."


def _rows(kind: Kind, target: str | None) -> list[tuple[str, str]]:
    """Name and one line of each."""
    match kind:
        case Kind.FAULTS:
            return [(name, (fault.__doc__ or "").strip().splitlines()[0]) for name, fault in FAULTS.items()]
        case Kind.INVARIANTS:
            return [*((name, one.summary) for name, one in INVARIANTS.items()), *_of_faults()]
        case Kind.SCENARIOS:
            return [(one.name, one.summary + _faults(one)) for one in library.find([])]
        case Kind.DEFECTS:
            return sorted(
                (name, str(defect.summary)) for name, defect in defect_catalog(resolve(target)).items()
            )
        case Kind.GATES:
            return criteria.summaries()
        case Kind.PROPERTIES:
            return [(name, made.summary) for name, made in catalog().items()]

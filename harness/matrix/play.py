"""The matrix: each defect against the scenarios that must catch it, and every scenario against the clean service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.matrix.plan import Cell, cells
from harness.matrix.result import MatrixResult, Played, judged, testifying
from harness.registry import in_force
from harness.runner import Options, opened, run_on
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.play import Play
from harness.targets.profile import defect_catalog
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a matrix is played: so many cells at a time, each in the first of the stages that can carry it.

    With `declared` only the defects count that one of the scenarios declares: of the others nothing is to be proven.
    """

    stages: tuple[str, ...]
    jobs: int = 1
    full: bool = False
    declared: bool = False
    say: Callable[[str], None] = lambda _: None


async def matrix(scenarios: Sequence[Scenario], options: Options, how: How) -> MatrixResult:
    """Play every scenario clean, then each defect with those that declare it, or with all where `full`.

    Of `options` the defects and the stage are ignored. A scenario that none of the stages can carry is left out.

    Raises:
        UsageError: the target has no defects, so that there is nothing to prove.
    """
    catalog: Mapping[str, Any] = defect_catalog(options.profile)
    if not catalog:
        raise UsageError(
            f"{options.profile.name} has no defects to play; name a catalogue in its profile: defects = 'MODULE:NAME'"
        )
    if how.declared:
        declared = {name for scenario in scenarios for name in scenario.defects}
        catalog = {name: defect for name, defect in catalog.items() if name in declared}
    planned = tuple(cells(scenarios, how.stages, sorted(catalog), full=how.full))
    played = await play_cells(planned, options, how)
    return MatrixResult(
        defects=tuple(
            judged(name, defect, [one for one in played if one.cell.defects == (name,)])
            for name, defect in sorted(catalog.items())
        ),
        clean=tuple(one.result for one in played if not one.cell.defects),
    )


async def play_cells(planned: Iterable[Cell], options: Options, how: How) -> tuple[Played, ...]:
    """Play cells, a few at a time, stage by stage; where the machine was too slow to judge by, again and alone."""
    wanted = tuple(planned)
    done: list[Played] = []
    for stage in how.stages:
        here = [cell for cell in wanted if cell.stage == stage]
        if here:
            done += await _in_stage(here, replace(options, stage=stage), how)
    return tuple(done)


async def _in_stage(here: Sequence[Cell], options: Options, how: How) -> list[Played]:
    """Play the cells of one stage."""

    async def one(play: Play, cell: Cell) -> Played:
        result = await run_on(play, cell.scenario, replace(options, defects=cell.defects))
        held = (*in_force(cell.scenario.faults), *in_force(()), *cell.scenario.invariants)
        return Played(cell=cell, result=result, witnesses=testifying(held, result))

    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(how.jobs)]
        return await spread(
            plays,
            here,
            one,
            say=lambda number, cell: how.say(f"{number} of {len(here)}: {cell.label}"),
            again=lambda played: played.result.verdict is Verdict.UNDECIDED,
        )

"""The matrix: each defect against the scenarios that must catch it, and every scenario against the clean service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import InvalidRun, UsageError
from harness.matrix.catalogue import catalogue, check_declared, check_reasons, unknown
from harness.matrix.plan import Cell, cells, placed
from harness.matrix.result import MatrixResult, Played, judged, testifying
from harness.registry import in_force
from harness.runner import SEED, Options, opened, run_on
from harness.scenario import Scenario
from harness.spread import spread
from harness.targets.play import Play
from harness.verdict import ScenarioVerdict, Verdict


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

    Of `options` the defects and the stage are ignored. A scenario that cannot be played here is left out and listed.

    Raises:
        UsageError: there is nothing to prove: the target has no defects, or nothing that can be played here declares
            one; or a defect or a reason does not exist.
    """
    catalog = catalogue(options.profile)
    missing = unknown(scenarios, catalog, options.profile)
    found = placed(scenarios, how.stages, options.profile)
    declared = frozenset(name for scenario in scenarios for name in scenario.defects if name in catalog)
    if not how.full:
        check_declared(found, catalog, declared, options.profile)
    check_reasons(sorted(declared), catalog, scenarios, every=not how.declared)
    elsewhere = declared - found.declared
    names = _names(catalog, declared, elsewhere, how)
    unowed = elsewhere | (catalog.keys() - declared if how.declared else frozenset())
    played = await play_cells(cells(found, names, full=how.full), options, how)
    of = {name: [one for one in played if one.cell.defects == (name,)] for name in names}
    return MatrixResult(
        defects=tuple(judged(name, catalog[name], of[name], owed=name not in unowed) for name in names),
        clean=tuple(one.result for one in played if not one.cell.defects),
        stage_of={scenario.name: stage for scenario, stage in found.here},
        elsewhere=found.elsewhere,
        unplayed=tuple(sorted(elsewhere.difference(names))),
        unknown=missing,
    )


def _names(
    catalog: Mapping[str, Any], declared: frozenset[str], elsewhere: frozenset[str], how: How
) -> list[str]:
    """The defects that are played: all where `full`; else those that can be caught here, or that nobody cares for."""
    if how.full:
        return sorted(catalog)
    wanted = declared if how.declared else catalog.keys()
    return sorted(wanted - elsewhere)


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
        result = await _result(play, cell, replace(options, defects=cell.defects))
        held = (*in_force(cell.scenario.faults), *in_force(()), *cell.scenario.invariants)
        return Played(cell=cell, result=result, witnesses=testifying(held, result))

    async with AsyncExitStack() as stack:
        plays = [await stack.enter_async_context(opened(options)) for _ in range(min(how.jobs, len(here)))]
        return await spread(
            plays,
            here,
            one,
            say=lambda number, cell: how.say(f"{number} of {len(here)}: {cell.label}"),
            again=lambda played: played.result.verdict is Verdict.UNDECIDED,
        )


async def _result(play: Play, cell: Cell, options: Options) -> ScenarioVerdict:
    """What came of one cell; one that cannot be played says so, and the others are played all the same."""
    try:
        return await run_on(play, cell.scenario, options)
    except (UsageError, InvalidRun) as error:
        return ScenarioVerdict(
            name=cell.scenario.name,
            verdict=Verdict.INVALID,
            reasons=(f"{cell.label}: {error}",),
            replay=options.replay(cell.scenario),
            seed=SEED if options.seed is None else options.seed,
        )

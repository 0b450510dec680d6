"""The kit: every property on every bridge in every context, each in a process of its own.

Cells mostly wait, so several are played at the same time; how many may be importing is bounded by the processors. A
cell that fails although its threads had to stand in line for a processor is played once more, with nothing beside it.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.bridges.adapter import Context, Option
from harness.bridges.child import START_S_MAX, Played, play
from harness.bridges.property import Property
from harness.bridges.results import BridgeResult, Cell, CellVerdict
from harness.errors import UsageError

PROCESSORS = os.cpu_count() or 1
JOBS = 4 * PROCESSORS
WAITED_S_MAX = 0.1
"""Half of the narrowest margin that a property has: 0.2 s."""
ON_LOOP_AT_ALL = "A2"
"""A bridge that refuses this one on a loop's thread is not asked for anything there but where it may refuse."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an adapter says of itself; `missing` says why it cannot be tried."""

    name: str
    spec: str
    version: str = "-"
    contexts: frozenset[Context] = frozenset()
    accepts: frozenset[Option] = frozenset()
    declares: frozenset[str] = frozenset()
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A bridge to judge: its import string, the name of its row until it says its own, and whether it must be there."""

    spec: str
    name: str
    required: bool


async def describe(asked: Asked, *, start_s_max: float = START_S_MAX) -> Described:
    """Ask an adapter, in a process of its own, what it is; importing it may take `start_s_max` seconds.

    Raises:
        UsageError: it must be there and is not, or is no adapter.
    """
    played = await play(asked.spec, start_s_max=start_s_max)
    said = played.answer or {"wrong": f"{asked.name}: {played.ending}; mend the adapter"}
    missing = str(said.get("missing") or said.get("wrong") or "")
    if "wrong" in said and asked.required:
        raise UsageError(missing)
    if missing and asked.required:
        raise UsageError(f"{asked.name}: not installed: {missing}; install it, or leave the bridge out")
    if missing:
        return Described(name=asked.name, spec=asked.spec, missing=missing)
    return Described(
        name=said["name"],
        spec=asked.spec,
        version=said["version"],
        contexts=frozenset(map(Context, said["contexts"])),
        accepts=frozenset(map(Option, said["accepts"])),
        declares=frozenset(said["declares"]),
    )


class Kit:
    """Judges bridges. `properties` are those that are shown, by id; `on_loop` is the one that decides about that context.

    A cell that fails while its threads stood in line for more than `waited_s_max` is played again.
    """

    def __init__(
        self,
        properties: Mapping[str, Property],
        *,
        on_loop: Property,
        jobs: int = JOBS,
        waited_s_max: float = WAITED_S_MAX,
        progress: Progress = lambda _: None,
    ) -> None:
        self._properties = properties
        self._on_loop = on_loop
        self._jobs = asyncio.Semaphore(jobs)
        self._starting = asyncio.Semaphore(min(jobs, PROCESSORS))
        self._beside = jobs > 1
        self._waited_s_max = waited_s_max
        self._progress = progress
        self._played = 0

    async def judge(self, bridges: Sequence[Asked]) -> list[BridgeResult]:
        """Judge each bridge, in the order that is given.

        Raises:
            UsageError: one that must be there is not, or is no adapter: nothing was played.
        """
        try:
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(self._describe(asked)) for asked in bridges]
            async with asyncio.TaskGroup() as group:
                judging = [group.create_task(self._bridge(asked.result())) for asked in asking]
        except BaseExceptionGroup as errors:  # the command says one thing, and an interruption must stay one
            raise _first(errors) from None
        return [await self._repeated(done.result()) for done in judging]

    async def _describe(self, asked: Asked) -> Described:
        """Ask one adapter, when a processor is free."""
        async with self._starting:
            return await describe(asked)

    async def _bridge(self, bridge: Described) -> BridgeResult:
        """All cells of one bridge; first the one on which others hang."""
        key = (self._on_loop.name, Context.ON_LOOP)
        known = {}
        if Context.ON_LOOP in bridge.contexts:
            known[key] = await self._cell(bridge, self._on_loop, Context.ON_LOOP)
        refuses = bool(known) and known[key].verdict is CellVerdict.REFUSED
        async with asyncio.TaskGroup() as group:
            playing = [
                group.create_task(
                    self._judged(bridge, tried, context, refuses, known.get((tried.name, context)))
                )
                for tried in self._properties.values()
                for context in tried.contexts
            ]
        cells = tuple(task.result() for task in playing)
        return BridgeResult(
            name=bridge.name, spec=bridge.spec, version=bridge.version, cells=cells, missing=bridge.missing
        )

    async def _judged(
        self, bridge: Described, tried: Property, context: Context, refuses: bool, known: Cell | None
    ) -> Cell:
        """One cell: why it does not apply, or what was played."""
        cell = Cell(tried=tried.name, context=context, verdict=CellVerdict.NOT_APPLICABLE)
        if bridge.missing:
            return replace(cell, verdict=CellVerdict.NOT_INSTALLED)
        if context not in bridge.contexts:
            return replace(cell, reason="not a context of this bridge")
        if lacking := tried.needs - bridge.accepts:
            return replace(cell, reason=f"takes no {' and no '.join(sorted(lacking))}")
        if refuses and context is Context.ON_LOOP and context not in tried.refusal:
            return replace(cell, reason=f"refuses {self._on_loop.name} there")
        played = known or await self._cell(bridge, tried, context)
        # What a bridge may refuse it may also do without, if it says so; nothing else is excused by saying it.
        declared = played.name in bridge.declares and context in tried.refusal
        if not declared or played.verdict not in (CellVerdict.PASS, CellVerdict.FAIL):
            return played
        measured = f"measured: {played.verdict} {played.reason}".strip()
        return replace(played, verdict=CellVerdict.DECLARED, reason=measured)

    async def _cell(self, bridge: Described, tried: Property, context: Context) -> Cell:
        """Play one cell when its turn comes."""
        async with self._jobs:
            return await self._play(bridge.spec, tried, context, name=bridge.name)

    async def _play(self, spec: str, tried: Property, context: Context, *, name: str) -> Cell:
        """Play one cell."""
        self._played += 1
        self._progress(f"cell {self._played}: {name} {tried.name}/{context}")
        arguments = ["--function", tried.function, "--context", context]
        played = await play(spec, arguments, limit_s=tried.hang_s, starting=self._starting)
        return _cell_of(played, tried, context)

    async def _repeated(self, result: BridgeResult) -> BridgeResult:
        """The same bridge; what failed while it stood in line for a processor is played again, alone."""
        cells = []
        for cell in result.cells:
            late = cell.waited_s is None or cell.waited_s > self._waited_s_max
            if cell.verdict is CellVerdict.FAIL and late and self._beside:
                again = await self._play(
                    result.spec, self._properties[cell.tried], cell.context, name=result.name
                )
                cells.append(replace(again, repeated=True))
            else:
                cells.append(cell)
        return replace(result, cells=tuple(cells))


def _first(errors: BaseExceptionGroup) -> BaseException:
    """One error of a group, for a command that says one thing."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _cell_of(played: Played, tried: Property, context: Context) -> Cell:
    """What a process has said of its cell, or what its silence means."""
    cell = Cell(tried=tried.name, context=context, verdict=CellVerdict.INVALID)
    if played.answer is not None:
        answer = dict(played.answer)
        return replace(cell, **{**answer, "verdict": CellVerdict(answer["verdict"])})
    if not played.ready:
        return replace(cell, reason=f"the cell did not start: {played.ending}")
    if played.hung:
        reason = f"still running after {tried.hang_s:g} s"
        return replace(
            cell, verdict=CellVerdict.HANG, reason=reason, seconds=tried.hang_s, stacks=played.stacks
        )
    reason = f"the process ended with {played.code}: {played.last_line}"
    return replace(cell, verdict=CellVerdict.FAIL, reason=reason, stacks=played.stacks)

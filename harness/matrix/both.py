"""Two defects at once: whether one hides the other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.matrix.catalogue import catalogue, check_reasons, unknown
from harness.matrix.plan import Cell, paired, pairs, placed
from harness.matrix.play import How, play_cells
from harness.matrix.result import UNCLEAR, Played, judged
from harness.runner import Options
from harness.scenario import Scenario
from harness.verdict import Verdict

SHARE_MIN = 0.9
"""Of so many pairs both must be seen: two mistakes that meet in one request may hide each other, and often will not."""
UNCLEAR_SHARE_MAX = 0.1
"""Where more of them than this say nothing, the rest is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two defects that were on at once: which were caught for a reason of their own, and of which nothing can be said.

    `alike` are those whose reason was broken, by what the other alone breaks there too: they are not counted as seen.
    """

    pair: tuple[str, str]
    caught: tuple[str, ...]
    unclear: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Those that were not seen, or not told apart from the other."""
        return tuple(name for name in self.pair if name not in (*self.caught, *self.unclear))

    @property
    def judged(self) -> bool:
        """Whether the pair says anything: one that was missed does, whatever is unclear of the other."""
        return bool(self.missed) or not self.unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """What came of all pairs; so many were `left_out`, since nothing that is played here declares one of them."""

    pairs: tuple[Pair, ...]
    left_out: int = 0

    @property
    def judged(self) -> tuple[Pair, ...]:
        """The pairs that say anything."""
        return tuple(one for one in self.pairs if one.judged)

    @property
    def share(self) -> float:
        """The share of these of which both were caught."""
        return sum(not one.missed for one in self.judged) / len(self.judged) if self.judged else 0.0

    @property
    def verdict(self) -> Verdict:
        """Invalid or undecided where too few say anything; failed where too many hide one of theirs."""
        if not self.judged:
            return Verdict.INVALID
        if self.share < SHARE_MIN:
            return Verdict.FAILED
        unclear = len(self.pairs) - len(self.judged)
        return Verdict.UNDECIDED if unclear > UNCLEAR_SHARE_MAX * len(self.pairs) else Verdict.PASSED


async def both(scenarios: Sequence[Scenario], options: Options, how: How) -> Both:
    """Play each pair of defects that can be combined, of which each is declared by a scenario that is played here.

    Raises:
        UsageError: there is no such pair, or a defect or a reason does not exist.
    """
    catalog = catalogue(options.profile)
    unknown(scenarios, catalog, options.profile)
    found = placed(scenarios, how.stages, options.profile)
    if not (possible := list(pairs(catalog))):
        raise UsageError(f"{options.profile.name} has no two defects that can be on at once")
    wanted = [pair for pair in possible if found.declared.issuperset(pair)]
    if not wanted:
        raise UsageError(
            f"no pair to play {' or '.join(how.stages)}: for each of the {len(possible)} one defect at least is "
            "declared by none of these scenarios: name more of them, or none for all"
        )
    check_reasons(
        sorted({name for pair in wanted for name in pair}), catalog, scenarios, every=not how.declared
    )
    together = list(paired(found, wanted))
    played = await play_cells([*_alone(together, catalog), *together], options, how)
    alone = {
        (one.cell.defects[0], one.cell.scenario.name): _broken(one, catalog)
        for one in played
        if len(one.cell.defects) == 1
    }
    return Both(
        pairs=tuple(
            _pair(pair, catalog, [one for one in played if one.cell.defects == pair], alone)
            for pair in wanted
        ),
        left_out=len(possible) - len(wanted),
    )


def _alone(together: Iterable[Cell], catalog: Mapping[str, Any]) -> Iterator[Cell]:
    """The cells that tell whose a reason is that both of a pair may have: the other alone, in the same scenario."""
    cells = {}
    for cell in together:
        one, other = cell.defects
        if set(catalog[one].reasons) & set(catalog[other].reasons):
            for name in cell.defects:
                cells[name, cell.scenario.name] = replace(cell, defects=(name,))
    return iter(cells.values())


def _broken(alone: Played, catalog: Mapping[str, Any]) -> frozenset[str]:
    """What a defect breaks by itself; all that it might, where that run says nothing."""
    if alone.result.verdict in UNCLEAR:
        return frozenset(catalog[alone.cell.defects[0]].reasons)
    return alone.result.invariants_violated


def _pair(
    pair: tuple[str, str],
    catalog: Mapping[str, Any],
    played: Sequence[Played],
    alone: Mapping[tuple[str, str], frozenset[str]],
) -> Pair:
    """What was seen of two defects that were on at once."""
    results = []
    for name, other in (pair, pair[::-1]):
        own = [_without(one, alone.get((other, one.cell.scenario.name), frozenset())) for one in played]
        results.append(judged(name, catalog[name], own))
    missed = [one for one in results if not one.caught]
    either = {one.name for one in (judged(name, catalog[name], played) for name in pair) if one.caught}
    return Pair(
        pair=pair,
        caught=tuple(one.name for one in results if one.caught),
        unclear=tuple(
            one.name for one in missed if any(cell.declared and cell.verdict in UNCLEAR for cell in one.cells)
        ),
        alike=tuple(one.name for one in missed if one.name in either),
    )


def _without(played: Played, broken: frozenset[str]) -> Played:
    """A run without the findings that somebody else is answerable for."""
    own = tuple(one for one in played.result.violations if one.invariant not in broken)
    return replace(played, result=replace(played.result, violations=own))

"""Two defects at once: whether one hides the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.matrix.plan import paired, pairs
from harness.matrix.play import How, play_cells
from harness.matrix.result import judged
from harness.runner import Options
from harness.scenario import Scenario
from harness.targets.profile import defect_catalog
from harness.verdict import Verdict

SHARE_MIN = 0.9
"""Of so many pairs both must be seen: two mistakes that meet in one request may hide each other, and often will not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two defects that were on at once, and which of them were caught for a reason of their own."""

    pair: tuple[str, str]
    caught: tuple[str, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """Those that were not seen."""
        return tuple(name for name in self.pair if name not in self.caught)


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """What came of all pairs."""

    pairs: tuple[Pair, ...]

    @property
    def share(self) -> float:
        """The share of the pairs of which both were caught."""
        return sum(not one.missed for one in self.pairs) / len(self.pairs)

    @property
    def verdict(self) -> Verdict:
        """Failed where too many pairs hide one of theirs."""
        return Verdict.PASSED if self.share >= SHARE_MIN else Verdict.FAILED


async def both(scenarios: Sequence[Scenario], options: Options, how: How) -> Both:
    """Play each pair of defects that can be combined with the scenarios that declare one of the two.

    Raises:
        UsageError: there is no pair of defects that can be combined.
    """
    catalog = defect_catalog(options.profile)
    if not (wanted := list(pairs(catalog))):
        raise UsageError(f"{options.profile.name} has no two defects that can be on at once")
    played = await play_cells(paired(scenarios, how.stages, catalog), options, how)
    found = []
    for pair in wanted:
        mine = [one for one in played if one.cell.defects == pair]
        caught = tuple(name for name in pair if judged(name, catalog[name], mine).caught)
        found.append(Pair(pair=pair, caught=caught))
    return Both(pairs=tuple(found))

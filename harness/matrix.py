"""The matrix: each defect against the scenarios that must catch it, and every scenario against the clean service."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.runner import Options, opened, run_on
from harness.scenario import Scenario
from harness.targets.profile import defect_catalog
from harness.verdict import ScenarioVerdict, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectResult:
    """What became of one defect: the scenarios that caught it, and the right reasons among their violations.

    `others` are invariants that fired too and are no reason that the defect names.
    """

    name: str
    by: tuple[str, ...]
    reasons: tuple[str, ...]
    others: tuple[str, ...]
    played: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """True when at least one scenario failed for a reason that the defect names."""
        return bool(self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixResult:
    """The whole matrix; `clean` are the scenarios without any defect."""

    defects: tuple[DefectResult, ...]
    clean: tuple[ScenarioVerdict, ...]

    @property
    def false_alarms(self) -> tuple[str, ...]:
        """The scenarios that fail without any defect."""
        return tuple(result.name for result in self.clean if result.verdict is Verdict.FAILED)

    @property
    def verdict(self) -> Verdict:
        """Failed on a miss or an alarm; else the worst of the clean runs."""
        if not self.defects or any(not defect.caught for defect in self.defects):
            return Verdict.FAILED
        return Verdict.worst(result.verdict for result in self.clean)


Progress = Callable[[str], None]


async def matrix(
    scenarios: Sequence[Scenario],
    options: Options,
    *,
    full: bool = False,
    progress: Progress = lambda _: None,
) -> MatrixResult:
    """Play every scenario clean, then each defect with those that declare it, or with all where `full`.

    Args:
        scenarios: those to play; one that the stage cannot carry is left out.
        options: how; its defects are ignored.
        full: play each defect with every scenario.
        progress: told what is played next.

    Raises:
        UsageError: the target has no defects, so that there is nothing to prove.
    """
    catalog = sorted(defect_catalog(options.profile).items())
    if not catalog:
        raise UsageError(
            f"{options.profile.name} has no defects to play; name a catalogue in its profile: defects = 'MODULE:NAME'"
        )
    playable = [scenario for scenario in scenarios if options.stage in scenario.stages]
    clean, results = [], []
    async with opened(options) as play:
        for scenario in playable:
            progress(f"{scenario.name}, clean")
            clean.append(await run_on(play, scenario, replace(options, defects=())))
        for name, defect in catalog:
            verdicts = []
            for scenario in (one for one in playable if full or name in one.defects):
                progress(f"{scenario.name} with {name}")
                verdicts.append(await run_on(play, scenario, replace(options, defects=(name,))))
            results.append(_judged(name, defect, verdicts))
    return MatrixResult(defects=tuple(results), clean=tuple(clean))


def _judged(name: str, defect: Any, verdicts: Iterable[ScenarioVerdict]) -> DefectResult:
    """Whether the defect was caught for one of the reasons that it names."""
    wanted = frozenset(defect.reasons)
    failed = [verdict for verdict in verdicts if verdict.verdict is Verdict.FAILED]
    violated = frozenset().union(*(verdict.invariants_violated for verdict in failed))
    return DefectResult(
        name=name,
        by=tuple(verdict.name for verdict in failed if verdict.invariants_violated & wanted),
        reasons=tuple(sorted(violated & wanted)),
        others=tuple(sorted(violated - wanted)),
        played=tuple(verdict.name for verdict in verdicts),
    )

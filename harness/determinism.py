"""Whether a simulated run is the same again: in a fresh process, and under another seed of the hashes of text.

A run that differs from itself proves nothing, and would not replay; the first record that differs says where to look.
(Comparing a second run of the same seed: awslabs/shuttle#96, apple/foundationdb#11790.)
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import zip_longest

from harness.errors import InvalidRun, UsageError
from harness.history import History, Record
from harness.runner import Options, run_on
from harness.scenario import Scenario
from harness.targets.driven import Job
from harness.targets.hosted import Host
from harness.targets.play import Play
from harness.verdict import ScenarioVerdict, Verdict, Violation

HASH_SEEDS = (1, 2, 3)
SHOWN_CHARACTERS_MAX = 120


async def run_checked(
    play: Play, scenario: Scenario, options: Options, *, hash_seeds: Sequence[int] = ()
) -> ScenarioVerdict:
    """As `run_on`, and play every arm once more in a fresh process: a difference makes the verdict `invalid`.

    With `hash_seeds` it is played once for each of them too; what depends on that one is a finding on the app.

    Raises:
        UsageError: as `run_on`, or the stage is not simulated.
    """
    if options.stage != "simulated":
        raise UsageError(
            f"determinism is a property of simulated runs: leave --stage {options.stage} or the check out"
        )
    kept: list[tuple[Job, History]] = []

    async def keeping(asked: Job) -> History:
        kept.append((asked, await play(asked)))
        return kept[-1][1]

    verdict = await run_on(keeping, scenario, options)
    flags = " --check-determinism" + (" --hash-seeds" if hash_seeds else "")
    verdict = replace(verdict, replay=f"{verdict.replay}{flags}")
    try:
        if (said := await _differing(kept, options, hash_seed=0)) is not None:
            reason = f"not deterministic: a fresh process differs: {said}"
            return replace(verdict, verdict=Verdict.INVALID, reasons=(reason, *verdict.reasons))
        for seed in hash_seeds:
            if (said := await _differing(kept, options, hash_seed=seed)) is not None:
                return _dependent(verdict, seed, said)
    except InvalidRun as error:
        reason = f"played again, it broke off: {error}"
        return replace(verdict, verdict=Verdict.INVALID, reasons=(reason, *verdict.reasons))
    return verdict


async def _differing(kept: Sequence[tuple[Job, History]], options: Options, *, hash_seed: int) -> str | None:
    """Play the jobs again in a process of their own; the first difference, in words."""
    async with Host.of(options.profile, hash_seed=hash_seed) as host:
        for asked, before in kept:
            said = first_difference(before, (await host.play(asked)).history)
            if said is not None:
                return f"{asked.arm}: {said}"
    return None


def _dependent(verdict: ScenarioVerdict, seed: int, said: str) -> ScenarioVerdict:
    """The verdict with the finding that the app depends on the order of sets of text."""
    arm, _, evidence = said.partition(": ")
    found = Violation(
        invariant="determinism.hash_seed",
        message=f"under PYTHONHASHSEED={seed} the service behaves otherwise: it depends on the order of a set of text",
        evidence=evidence,
        arm=arm,
    )
    worse = verdict.verdict if verdict.verdict is Verdict.INVALID else Verdict.FAILED
    return replace(verdict, verdict=worse, violations=(*verdict.violations, found))


def first_difference(one: History, other: History) -> str | None:
    """Where two histories of the same job part, in words; None where both their hashes are equal."""
    before, after = one.header, other.header
    if (before.schedule_hash, before.observation_hash) == (after.schedule_hash, after.observation_hash):
        return None
    for number, (left, right) in enumerate(zip_longest(one.records, other.records), start=1):
        if left != right:
            return f"record {number}: {_parted(left, right)}"
    what = "schedules" if before.schedule_hash != after.schedule_hash else "numbers that were drawn"
    return f"no record differs, but the {what} do"


def _parted(left: Record | None, right: Record | None) -> str:
    """How two records differ: the one that is missing, or the first field in which they do."""
    if left is None or right is None or type(left) is not type(right):
        return f"{_told(left)} / {_told(right)}"
    name = next(item.name for item in fields(left) if getattr(left, item.name) != getattr(right, item.name))
    one, other = repr(getattr(left, name)), repr(getattr(right, name))
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    first = max(0, same - SHOWN_CHARACTERS_MAX // 3)
    return f"{left.kind}.{name}: {_cut(one, first)} / {_cut(other, first)}"


def _told(value: object) -> str:
    return _cut(repr(value), 0)


def _cut(text: str, first: int) -> str:
    """A text from its `first` character on, cut to what fits in a line."""
    shown = text[first : first + SHOWN_CHARACTERS_MAX]
    return f"{'...' if first else ''}{shown}{'...' if first + len(shown) < len(text) else ''}"

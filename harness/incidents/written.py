"""The file of a reproduction: written, read back, and run afresh; one that does not fail so is not kept."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import recording
from harness.errors import InvalidRun
from harness.history import History
from harness.incidents.diagnose import Diagnosis
from harness.incidents.run_log import run_log
from harness.incidents.smaller import Smallest
from harness.runner import Options, run
from harness.scenario import Scenario, load
from harness.search.write import write
from harness.verdict import ScenarioVerdict, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The fresh run in which the file failed: its verdict, and its histories, the faulted one first."""

    result: ScenarioVerdict
    histories: tuple[History, ...]


async def written(
    diagnosis: Diagnosis, small: Smallest, options: Options, path: Path, told: Sequence[str]
) -> Proof:
    """Write the scenario, and see the file fail for the same reason, with what it shares with the log.

    Raises:
        UsageError: it cannot be written.
        InvalidRun: as a file it does not fail so; the file is gone again.
    """
    suspect = small.tried.suspect
    write(replace(suspect.seeded(options.seed), defects=suspect.defects), path, told)
    try:
        proof = await _afresh(load(path), small, options)
        _check(path, diagnosis, small, proof)
    except BaseException:  # whatever ends it, also Ctrl-C: what was not seen to fail is no test
        _remove(path)
        raise
    return proof


async def _afresh(scenario: Scenario, small: Smallest, options: Options) -> Proof:
    """Run the file in a process of its own."""
    suspect = small.tried.suspect
    with tempfile.TemporaryDirectory(prefix="shakeout-") as name:
        kept = replace(options, stage=suspect.stage, seed=None, defects=suspect.defects, histories=Path(name))
        result = await run(scenario, kept)
        return Proof(result=result, histories=_read(Path(name)))


def _read(directory: Path) -> tuple[History, ...]:
    """The histories in a folder, the faulted one first."""
    found = [recording.load(path.read_bytes()) for path in directory.iterdir()]
    return tuple(sorted(found, key=lambda history: history.header.arm != "faulted"))


def _check(path: Path, diagnosis: Diagnosis, small: Smallest, proof: Proof) -> None:
    """Hold the run of the file to what the one before it broke and logged.

    Raises:
        InvalidRun: it does not fail for the same reason, or lacks more of the incident's log.
    """
    result, suspect = proof.result, small.tried.suspect
    if result.verdict is not Verdict.FAILED or small.invariant not in result.invariants_violated:
        reason = "; ".join((*result.invariants_violated, *result.reasons)[:3])
        raise InvalidRun(f"{suspect.label}: as a file it is {result.verdict}: {reason}")
    faulted = proof.histories[0]
    again = replace(small.tried.candidate, run=diagnosis.read(run_log(faulted), faulted.header.contract))
    distance = diagnosis.distance(replace(small.tried, candidate=again))
    if lost := set(distance.lacks) - set(small.distance.lacks):
        raise InvalidRun(f"{path}: a fresh run of the file did not log: {', '.join(sorted(lost))}")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)

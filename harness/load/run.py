"""A load run: start the target and the generator, hold the generator's records to the app's own count, and judge."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from harness.errors import InvalidRun
from harness.gates import TurnSent
from harness.history import Contract
from harness.load import evidence, recorder
from harness.load.generator import generate
from harness.load.options import LoadOptions
from harness.load.plan import Plan
from harness.load.recorder import Recorded
from harness.load.report import LoadReport
from harness.load.target import LoadTarget, Starter, process_target

COUNT_S_MAX = 2.0
"""The app counts a request just after its last byte, so its count may come a moment later than the client's."""


async def load(
    options: LoadOptions,
    *,
    start: Starter = process_target,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> LoadReport:
    """Put the target under load and judge it; everything that was started is gone when this returns or raises.

    `say` is told the progress, several times a second. `keep` is a folder that records and logs are copied into.

    Raises:
        UsageError: the target does not start: nothing was run.
        InvalidRun: what was to be kept cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="shakeout-load-") as place:
        directory = Path(place)
        async with start(options, directory) as target:
            plan = Plan(
                turn=options.profile.turn,
                seed=options.seed,
                records=directory / "records.jsonl",
                requests=options.requests_planned,
                nonce=target.nonce,
            )
            reasons = list(await generate(plan, options, target, directory, say))
            recorded = _recorded(plan.records, reasons)
            reasons += await _count_differs(options.profile.contract, target, recorded.turns)
        if keep is not None:
            _keep({"records": plan.records, **target.logs}, keep)
        say("judging")
        return evidence.report(
            recorded,
            evidence.log_records(target.logs),
            contract=options.profile.contract,
            seed=options.seed,
            users=options.users,
            replay=options.replay,
            reasons=reasons,
        )


def _keep(files: Mapping[str, Path], folder: Path) -> None:
    """Copy the evidence of a run as `load-NAME.SUFFIX`; what a run that broke off did not write is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            if path.exists():
                shutil.copyfile(path, folder / f"load-{name}{path.suffix}")
    except OSError as error:
        raise InvalidRun(f"{folder}: {error.strerror}; the records were not kept, run it again") from error


def _recorded(path: Path, reasons: list[str]) -> Recorded:
    """The records, or none and one more reason."""
    try:
        return recorder.read(path)
    except InvalidRun as error:
        reasons.append(str(error))
        return Recorded(turns=(), health=None)


async def _count_differs(
    contract: Contract, target: LoadTarget, turns: Sequence[TurnSent]
) -> tuple[str, ...]:
    """What to say where the app counted another number of turns than were recorded.

    Of a turn without an answer it is not known whether it arrived, so it may or may not be counted.
    """
    if contract.response_metric is None or target.metrics is None or not target.alive():
        return ()
    answered = sum(turn.status is not None for turn in turns)
    counted = await _settled_count(contract, target, range(answered, len(turns) + 1))
    if counted is None:
        return (f"the target's metrics have no {contract.response_metric} for {contract.turn_path}",)
    if answered <= counted <= len(turns):
        return ()
    return (f"{len(turns):,} turns are on record and the target counted {counted:,}",)


async def _settled_count(contract: Contract, target: LoadTarget, wanted: range) -> int | None:
    """What the app counted, read again until it is as wanted or time is up; None where it has no such figure."""
    assert target.metrics is not None
    counted = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COUNT_S_MAX):
            while True:
                counted = _counted(await target.metrics(), contract)
                if counted in wanted:
                    break
                await asyncio.sleep(0.05)
    return counted


def _counted(text: str, contract: Contract) -> int | None:
    """The sum of the response metric over the turns' route, whatever their status; None where there is none."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        return None
    samples = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == contract.response_metric and sample.labels.get("route") == contract.turn_path
    ]
    return int(sum(samples)) if samples else None

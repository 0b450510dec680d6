"""The stages: each plays a job in a directory of its own and gives the history of what happened."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from harness.errors import InvalidRun, UsageError
from harness.history import History, LogRecord, Record, ordered
from harness.logs import parse
from harness.recording import load
from harness.targets.driven import Job, Recorder, Ticker
from harness.targets.driver import Driver
from harness.targets.process import ProcessTarget
from harness.targets.started import child, environment, last_line, new_nonce, not_started

PLAY_S_MAX = 300.0

Stage = Callable[[Job, Path], Awaitable[History]]


async def live(job: Job, directory: Path) -> History:
    """Play against a real process over real TCP; the provider and the client are in this process."""
    recorder = Recorder()
    async with asyncio.timeout(PLAY_S_MAX), ProcessTarget.start(job, recorder, directory=directory) as target:
        driver = Driver(job, target, recorder, nonce=target.nonce)
        ticker = Ticker(target.rig.clock)
        ticking = asyncio.ensure_future(ticker.run())
        try:
            await driver.play()
        finally:
            ticking.cancel()
    header = job.header(
        "live",
        nonce_matched=driver.nonce_matched,
        doubts=tuple(driver.doubts),
        lag_ms=ticker.late_ms_max,
        elapsed_s=recorder.now(),
    )
    return History(header=header, records=(*ordered(recorder.records), *_logs(directory)))


async def in_process(job: Job, directory: Path) -> History:
    """Play in a child that holds app, provider and client without any socket."""
    nonce, output = new_nonce(), directory / "played.jsonl"
    variables = environment(job.profile, directory, provider="http://provider.invalid/v1")
    arguments = ["--output", str(output)]
    async with (
        asyncio.timeout(PLAY_S_MAX),
        child(
            "play",
            arguments,
            profile=job.profile,
            directory=directory,
            environment=variables,
            nonce=nonce,
            stdin=_pickled(job),
        ) as started,
    ):
        code = await started.process.wait()
    if code == UsageError.exit_code:
        raise not_started(job.profile, started.errors)
    if code != 0 or not output.exists():
        said = last_line(started.errors)
        raise InvalidRun(f"the in-process run of {job.name} ended with {code}: {said}")
    played = load(output.read_bytes())
    return History(header=played.header, records=(*played.records, *_logs(directory)))


STAGES: Mapping[str, Stage] = MappingProxyType({"in_process": in_process, "live": live})


def stage_named(name: str) -> Stage:
    """The stage of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in STAGES:
        raise UsageError(
            f"no stage is called {name}; there are: {', '.join(STAGES)} (virtual time is not there yet)"
        )
    return STAGES[name]


def _logs(directory: Path) -> tuple[Record, ...]:
    """All that the target wrote: its log, then what it said on standard error."""
    records: list[LogRecord] = []
    for name, source in (("app.log", "app"), ("stderr.log", "stderr")):
        with (directory / name).open(encoding="utf-8", errors="replace") as lines:
            records.extend(parse(lines, source=source))
    return tuple(records)


def _pickled(job: Job) -> bytes:
    """The job for the child.

    Raises:
        UsageError: a fault of the scenario is defined where a child cannot import it.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError) as error:
        raise UsageError(
            f"{job.name} cannot be sent to a child ({error}); define its faults in a module"
        ) from error

"""The stages: each opens a way to play jobs, one after the other, against one target."""

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from harness.errors import UsageError, first_of
from harness.history import History, Outage, Probe, ordered
from harness.reading import DIED
from harness.targets.control import TargetGone
from harness.targets.driven import Job, Recorder, Ticker
from harness.targets.driver import Driver
from harness.targets.hosted import Host
from harness.targets.logged import logged, written_before
from harness.targets.mistakes import mistaken_rest
from harness.targets.process import ProcessTarget
from harness.targets.profile import Profile
from harness.targets.serving import Gathering, Serving
from harness.targets.starvation import Starvation

PLAY_S_MAX = 300.0

Play = Callable[[Job], Awaitable[History]]
"""Plays one job, and gives the history of what happened."""

Stage = Callable[[Profile], AbstractAsyncContextManager[Play]]
"""Opens a way to play jobs against the target of a profile; nothing of it is left when the block ends."""


@asynccontextmanager
async def live(_profile: Profile) -> AsyncIterator[Play]:
    """Play each job against a process of its own over real TCP; the provider and the client are in this process."""
    gc.collect()
    gc.freeze()  # what is there already is not looked at again: a full collection in mid-run would be the harness's own lag
    try:
        yield _live
    finally:
        gc.unfreeze()


async def _live(job: Job) -> History:
    recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="shakeout-") as name:
        directory = Path(name)
        since = written_before(job.profile, directory)
        gathering = Gathering()
        serving = Serving(thinks=gathering.joined)
        async with (
            asyncio.timeout(PLAY_S_MAX),
            ProcessTarget.start(job, recorder, directory=directory, serving=serving) as target,
        ):
            ticker = Ticker(target.rig.clock)
            driver = Driver(job, target, recorder, nonce=target.nonce, gathering=gathering, warm=ticker.begin)
            starvation = Starvation(recorder, target.group)
            watching = [asyncio.ensure_future(ticker.run()), asyncio.ensure_future(starvation.run())]
            try:
                died = await _played(driver, target, recorder)
            finally:
                for watch in watching:
                    watch.cancel()
                await asyncio.gather(*watching, return_exceptions=True)
        header = job.header(
            "live",
            nonce_matched=driver.nonce_matched,
            doubts=(*driver.doubts, *mistaken_rest(recorder.records, job.profile, directory))
            if not died
            else (),
            lag_ms=ticker.late_ms_max,
            elapsed_s=recorder.now(),
            witnesses=target.witnesses,
        )
        written = logged(directory, profile=job.profile, since=since)
        return History(header=header, records=(*ordered(recorder.records), *written))


async def _played(driver: Driver, target: ProcessTarget, recorder: Recorder) -> bool:
    """Play; whether the target ended by itself in the midst, which is a record then, and the end of what is played.

    One that does not live through its warm-up has not started, and says nothing of itself.
    """
    try:
        await driver.play()
    except (TargetGone, BaseExceptionGroup) as error:
        first = first_of(error) if isinstance(error, BaseExceptionGroup) else error
        code = await target.died() if isinstance(first, TargetGone) else None
        if code is None or not any(isinstance(record, Probe) for record in recorder.records):
            raise
        now_s = recorder.now()
        recorder.records.append(Outage(at_s=now_s, ended_s=now_s, fault="", how=DIED, exit_code=code))
        return True
    return False


@asynccontextmanager
async def simulated(profile: Profile) -> AsyncIterator[Play]:
    """Play all jobs in simulated runs of one child, each from the same beginning."""
    async with Host.of(profile) as host:

        async def play(job: Job) -> History:
            return (await host.play(job)).history

        yield play


STAGES: Mapping[str, Stage] = MappingProxyType({"simulated": simulated, "live": live})


def stage_named(name: str) -> Stage:
    """The stage of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in STAGES:
        raise UsageError(f"no stage is called {name}; there are: {', '.join(STAGES)}")
    return STAGES[name]

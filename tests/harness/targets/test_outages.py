"""What is done to the target's process happens, is on record, and is over when its block is."""

import asyncio
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.history import Outage
from harness.invariants.process import BEGUN, FINISHED
from harness.rig import Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.outages import Processes
from harness.targets.process import ProcessTarget

HERE = Path(__file__).parent
HANG_S = 30.0
ASKING = Outgoing(method="GET", path="/state/x", headers={"connection": "close"})


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The small app, and nothing to do with it."""
    monkeypatch.syspath_prepend(str(HERE))
    profile = profiles.load(str(HERE / "profile.toml"))
    return Job(name="small", arm="faulted", steps=(), faults=(), profile=profile, seed=1)


def outages(recorder: Recorder) -> list[Outage]:
    return [record for record in recorder.records if isinstance(record, Outage)]


def fired(recorder: Recorder) -> list[str]:
    return [record.fault for record in recorder.records if record.kind == "fault"]


@pytest.mark.parametrize(("kill", "how", "code"), [(True, "killed", -9), (False, "terminated", -15)])
async def test_a_process_is_down_for_the_block(
    job: Job, tmp_path: Path, kill: bool, how: str, code: int
) -> None:
    """Within the block nobody answers, after it another process does, and the outage says how the first one ended."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        before = target.child.process.pid
        assert target.rig.process is not None
        async with target.rig.process.down("test.down", kill=kill):
            unanswered = await target.send(ASKING)
            assert (unanswered.status, unanswered.error) == (None, "ConnectError")
        assert (await target.send(ASKING)).status == 200
        assert target.child.process.pid != before
    (outage,) = outages(recorder)
    assert (outage.how, outage.exit_code, outage.fault) == (how, code, "test.down")
    assert 0 < outage.at_s < outage.ended_s
    assert fired(recorder) == ["test.down"]


async def test_a_process_that_is_begun_anew_to_mend_it_is_no_firing(job: Job, tmp_path: Path) -> None:
    """It is an outage all the same."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.down("test.down", kill=False, mends=True):
            pass
    assert len(outages(recorder)) == 1
    assert fired(recorder) == []


@pytest.mark.parametrize(("defects", "code"), [((), -15), (("unending",), -9)])
async def test_one_is_told_to_end_in_its_start_up(
    job: Job, tmp_path: Path, defects: tuple[str, ...], code: int
) -> None:
    """It starts on the same store and ends by SIGTERM, or is killed; it never answers, and the next one does."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.down("test.down", kill=True, mends=True):
            target._job = replace(job, defects=defects)
            await target.rig.process.stillborn("test.down", grace_s=0.3)
            target._job = job
            assert (await target.send(ASKING)).status is None
        assert (await target.send(ASKING)).status == 200
    assert [one.exit_code for one in outages(recorder)] == [code, -9]
    assert fired(recorder) == ["test.down"]
    said = (tmp_path / "stderr.log").read_text()
    assert (said.count(BEGUN), said.count(FINISHED)) == ((2, 1) if defects else (3, 2))


async def test_one_that_does_not_start_again_is_an_invalid_run(job: Job, tmp_path: Path) -> None:
    """Nothing has fired: it never came to the point at which it was to end."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        process = target.rig.process
        assert process is not None
        async with process.down("test.down", kill=True, mends=True):
            target._job = replace(job, defects=("dies",))
            with pytest.raises(InvalidRun, match=r"test\.down: no process .* the configuration is missing"):
                await process.stillborn("test.down", grace_s=1.0)
            target._job = job
    assert fired(recorder) == []


async def test_a_restart_of_one_that_is_down_begins_nothing(job: Job, tmp_path: Path) -> None:
    """Nobody answers before the block ends, and what is known of it is nothing; then there is one process."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.down("test.down", kill=True):
            assert (await target.probe())["threads"] == 0
            await target.restart(kill=False)
            meanwhile = target.child
            assert (await target.send(ASKING)).status is None
        assert (await target.send(ASKING)).status == 200
        assert meanwhile.process.returncode is not None


@pytest.mark.parametrize("restart_first", [False, True])
async def test_a_restart_and_a_kill_at_once_leave_one_process(
    job: Job, tmp_path: Path, restart_first: bool
) -> None:
    """Whichever comes first, it is down when both are done, and no process is left but the one that is begun then."""
    children = set()
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        assert target.rig.process is not None
        down = target.rig.process.down("test.down", kill=True)
        both = [down.__aenter__(), target.restart(kill=False)]
        await asyncio.gather(*(reversed(both) if restart_first else both))
        children.add(target.child.process)
        assert target.child.line.closed
        await down.__aexit__(None, None, None)
        children.add(target.child.process)
        assert [one for one in children if one.returncode is None] == [target.child.process]


async def test_a_process_is_held_still_for_the_block(job: Job, tmp_path: Path) -> None:
    """A request that comes meanwhile waits, and is answered by the same process when it goes on."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.paused("test.pause"):
            waiting = asyncio.ensure_future(target.send(ASKING))
            pid = target.child.process.pid
            await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        assert (await waiting).status == 200
    assert [outage.how for outage in outages(recorder)] == ["paused"]
    assert fired(recorder) == ["test.pause"]


async def stands(pid: int) -> None:
    """Wait until a process is stopped (proc(5), stat)."""
    async with asyncio.timeout(20):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":  # noqa: ASYNC110  # the system tells nobody
            await asyncio.sleep(0.001)


async def test_no_thread_of_a_process_that_stands_still_runs(job: Job, tmp_path: Path) -> None:
    """It goes on after the block, unless it is paused; one that is down is left alone."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        processes = target.rig.process
        assert isinstance(processes, Processes)
        with processes.still():
            tasks = Path(f"/proc/{target.child.process.pid}/task").iterdir()
            assert {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks} == {"T"}
        assert (await target.send(ASKING)).status == 200
        async with processes.paused("test.pause"):
            with processes.still():
                pass
            await stands(target.child.process.pid)
        async with processes.down("test.down", kill=True):
            with processes.still():
                pass
        assert (await target.send(ASKING)).status == 200


async def test_a_process_that_is_held_still_can_be_ended(job: Job, tmp_path: Path) -> None:
    """A run that breaks off in the middle of a pause leaves no process behind."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        pid = target.child.process.pid
        target.child.signal(signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_that_may_open_nothing_answers_nobody_new(job: Job, tmp_path: Path) -> None:
    """That it does not answer is what counts as a firing; afterwards its limit is what it was, and it answers."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        pid = target.child.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        assert target.rig.process is not None
        async with target.rig.process.starved("test.starved", 0):
            assert resource.prlimit(pid, resource.RLIMIT_NOFILE) < before
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == before
        assert (await target.send(ASKING)).status == 200
    assert fired(recorder) == ["test.starved"]


async def test_a_process_that_has_just_ended_is_not_limited(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the group that is gone before its turn is left out."""
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    monkeypatch.setattr("harness.targets.outages.members", lambda group: (gone.pid, group))
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.starved("test.starved", 0):
            pass
    assert fired(recorder) == ["test.starved"]


async def test_an_error_of_the_block_is_not_taken_for_one_of_the_limit(job: Job, tmp_path: Path) -> None:
    """What the steps raise comes out as it is."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        assert target.rig.process is not None
        with pytest.raises(ValueError, match="the step"):
            async with target.rig.process.starved("test.starved", 0):
                raise ValueError("the step")


async def test_a_limit_that_leaves_enough_has_not_fired(job: Job, tmp_path: Path) -> None:
    """Where a new connection is still answered, the fault did nothing, and must not say that it did."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with target.rig.process.starved("test.starved", 100):
            pass
    assert fired(recorder) == []


PAUSING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget
async def main():
    profile = profiles.load({here!r} + "/profile.toml")
    job = Job(name="x", arm="control", steps=(), faults=(), profile=profile, seed=1)
    async with ProcessTarget.start(job, Recorder(), directory=Path({directory!r})) as target:
        target.child.signal(signal.SIGSTOP)
        print(target.child.process.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_process_that_is_held_still_goes_when_the_harness_is_killed(tmp_path: Path) -> None:
    """A harness that dies in the middle of a pause cannot end it; the system does, and the process sees that it is alone."""
    code = PAUSING.format(here=str(HERE), directory=str(tmp_path))
    harness: Any = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    ended = os.pidfd_open(int(await harness.stdout.readline()))
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(ended, gone.set)
    try:
        harness.send_signal(signal.SIGKILL)
        await harness.wait()
        async with asyncio.timeout(HANG_S):
            await gone.wait()
    finally:
        loop.remove_reader(ended)
        if not gone.is_set():
            signal.pidfd_send_signal(ended, signal.SIGKILL)
        os.close(ended)

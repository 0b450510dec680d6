"""A child starts within its time or not at all, and nothing of it is left, whoever dies first."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TargetFailed, UsageError
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget
from harness.targets.started import Child, child, last_line, new_nonce

HERE = Path(__file__).parent
HANG_S = 30.0


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The small app, and nothing to do with it."""
    monkeypatch.syspath_prepend(str(HERE))
    profile = profiles.load(str(HERE / "profile.toml"))
    return Job(name="small", arm="control", steps=(), faults=(), profile=profile, seed=1)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe by name: reading it waits until the app writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@asynccontextmanager
async def ending(pid: int) -> AsyncIterator[None]:
    """By the end of the block this process has ended."""
    ended = os.pidfd_open(pid)
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(ended, gone.set)
    try:
        yield
        async with asyncio.timeout(HANG_S):
            await gone.wait()
    finally:
        loop.remove_reader(ended)
        if not gone.is_set():
            signal.pidfd_send_signal(ended, signal.SIGKILL)
        os.close(ended)


async def number(pipe: Path) -> int:
    """The process that the app names in the pipe."""
    async with asyncio.timeout(HANG_S):
        return int(await asyncio.to_thread(pipe.read_text))


def serving(job: Job, directory: Path, *words: str, environment: dict[str, str], **options: Any) -> Any:
    return child(
        "serve",
        ["--app", job.profile.app, *words],
        profile=job.profile,
        directory=directory,
        environment=environment,
        nonce=new_nonce(),
        **options,
    )


async def test_another_nonce_on_the_control_line_is_refused(job: Job, tmp_path: Path) -> None:
    """A child that says another nonce than it was given is not the target that was started."""
    with pytest.raises(TargetFailed, match="another's nonce"):
        async with serving(job, tmp_path, "--nonce", "a-strangers", environment={}):
            pass


async def test_an_app_that_hangs_while_it_is_built_is_ended(job: Job, tmp_path: Path, pipe: Path) -> None:
    """An app that is not ready in time is told as such, and its process has ended with it."""
    stuck = serving(
        job, tmp_path, "--defect", "stuck", environment={"SMALL_READY": str(pipe)}, start_s_max=3.0
    )
    starting = asyncio.ensure_future(stuck.__aenter__())
    async with ending(await number(pipe)), asyncio.timeout(HANG_S):
        with pytest.raises(UsageError, match="small did not start within 3 s"):
            await starting


async def test_nothing_is_left_when_a_run_is_cancelled(job: Job, tmp_path: Path) -> None:
    """A run that is cancelled in the middle ends its child before the cancellation goes on."""
    pids: list[int] = []

    async def run() -> None:
        async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
            pids.append(target.child.process.pid)
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    running = asyncio.ensure_future(run())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.parametrize("crashed", [False, True])
async def test_what_an_app_started_goes_with_it(job: Job, tmp_path: Path, pipe: Path, crashed: bool) -> None:
    """A process of the app that ignores SIGTERM is ended too, after a clean end and after a crash of the app."""
    breeding = serving(job, tmp_path, "--defect", "breeds", environment={"SMALL_CHILD": str(pipe)})
    reading = asyncio.ensure_future(number(pipe))
    started: Child = await breeding.__aenter__()
    async with ending(await reading):
        if crashed:
            started.process.kill()
            await started.process.wait()
        await breeding.__aexit__(None, None, None)


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def test_a_child_that_cannot_be_started_leaves_no_line(job: Job, tmp_path: Path) -> None:
    """Where the process cannot be made, both ends of its line are closed again."""
    before = descriptors()
    with pytest.raises(ValueError, match="null byte"):
        async with serving(job, tmp_path, "--app", "a\0b", environment={}):
            pass
    assert descriptors() <= before


HARNESS = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget
async def main():
    profile = profiles.load({here!r} + "/profile.toml")
    job = Job(name="x", arm="control", steps=(), faults=(), profile=profile, seed=1, defects={defects!r})
    async with ProcessTarget.start(job, Recorder(), directory=Path({directory!r})) as target:
        print(target.child.process.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("defects", [(), ("stuck",)])
async def test_the_child_goes_when_the_harness_is_killed(
    tmp_path: Path, pipe: Path, defects: tuple[str, ...]
) -> None:
    """A harness that is killed with SIGKILL leaves no child: neither one that serves nor one that is being built."""
    harness = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HARNESS.format(here=str(HERE), directory=str(tmp_path), defects=defects),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "SMALL_READY": str(pipe)},
    )
    assert harness.stdout is not None
    pid = await number(pipe)
    if not defects:
        assert int(await harness.stdout.readline()) == pid
    async with ending(pid):
        harness.send_signal(signal.SIGKILL)
        await harness.wait()


async def test_a_child_whose_end_hangs_is_ended_all_the_same() -> None:
    """A process that SIGTERM does not end, as in a shut-down that never finishes, leaves after its time."""
    script = "import signal\nfrom harness.targets.child import leave\n"
    script += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nleave(0.01)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    async with asyncio.timeout(HANG_S):
        assert await process.wait() == 3


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "it ended and left no error message in its log"),
        ("first\nlast\n", "last"),
        ("Traceback (most recent call last):\n  f()\nA: b\n  more\nERROR: Exiting.\n", "A: b"),
        ("ERROR:    Traceback (most recent call last):\n  f()\nx.A: b\n\nERROR: Exiting.\n", "x.A: b"),
        ("shakeout: why\nTraceback (most recent call last):\n  f()\nA: b\n", "why"),
    ],
)
def test_the_reason_is_found_in_what_was_written(tmp_path: Path, written: str, told: str) -> None:
    """The child's own word goes before what was raised last, and that before the last line; old lives do not count."""
    earlier = "Traceback (most recent call last):\n  f()\nOld: life\n"
    (tmp_path / "log").write_text(earlier + written)
    assert last_line(tmp_path / "log", since=len(earlier)) == told

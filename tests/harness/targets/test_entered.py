"""A fault that is sent into the target's process acts there, is heard of, and is out again, whatever happens."""

import asyncio
import signal
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inside_faults import Noting, Teapot

from harness.errors import InvalidRun, UsageError
from harness.rig import Outgoing
from harness.targets import profile as profiles
from harness.targets.control import TargetGone
from harness.targets.driven import Job, Recorder
from harness.targets.entered import InChild
from harness.targets.lifespan import LIFESPAN_S_MAX
from harness.targets.process import ProcessTarget

HERE = Path(__file__).parent
ASKING = Outgoing(method="GET", path="/state/x", headers={})


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The small app, made ready for faults of the inside."""
    monkeypatch.syspath_prepend(str(HERE))
    profile = profiles.load(str(HERE / "profile.toml"))
    return Job(name="small", arm="faulted", steps=(), faults=(), profile=profile, seed=1, wired=(Noting(),))


def noted(recorder: Recorder) -> list[Any]:
    return [(record.fault, record.detail) for record in recorder.records if record.kind == "fault"]


async def test_a_fault_is_in_the_child_for_its_block_and_is_heard_of_when_it_leaves(
    job: Job, tmp_path: Path
) -> None:
    """What it notes there, on the loop that runs there, is on record here with its time; requests meet its rules."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        async with Noting().inject(target.rig), Teapot().inject(target.rig):
            assert (await target.send(ASKING)).status == 418
        assert (await target.send(ASKING)).status == 200
    assert noted(recorder) == [
        ("test.teapot", "/state/x"),
        ("test.noting", "in, loop runs"),
        ("test.noting", "out"),
    ]
    first, *_ = (record.at_s for record in recorder.records if record.kind == "fault")
    assert 0 < first < recorder.now()


@pytest.mark.parametrize("kill", [False, True])
async def test_a_process_that_begins_anew_has_the_fault_again(job: Job, tmp_path: Path, kill: bool) -> None:
    """A restart in the middle of the fault loses none of its firings, and the next process has it too."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        async with Teapot().inject(target.rig):
            assert (await target.send(ASKING)).status == 418
            await target.restart(kill=kill)
            assert (await target.send(ASKING)).status == 418
        assert (await target.send(ASKING)).status == 200
    assert noted(recorder) == [("test.teapot", "/state/x")] * 2


async def test_a_fault_that_ends_while_the_process_does_leaves_once(job: Job, tmp_path: Path) -> None:
    """Its own end and that of the process may meet, in either order: it is let out once, and into no later process."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        async with AsyncExitStack() as stack:
            for name in ("one", "two", "three"):
                assert target.rig.inside is not None
                await stack.enter_async_context(target.rig.inside.entered(name, Noting()))
            await asyncio.gather(target.end(kill=False), stack.aclose())
        await target.begin()
        assert (await target.send(ASKING)).status == 200
    assert sorted(noted(recorder)) == [
        (name, said) for name in ("one", "three", "two") for said in ("in, loop runs", "out")
    ]


@pytest.mark.parametrize("kill", [False, True])
async def test_a_fault_that_enters_while_the_process_ends_is_in_the_next_one(
    job: Job, tmp_path: Path, kill: bool
) -> None:
    """Its entry comes to its end first; then it is let out, and into the process that is begun."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        async with AsyncExitStack() as stack:
            entering = stack.enter_async_context(Teapot().inject(target.rig))
            await asyncio.gather(entering, target.end(kill=kill))
            await target.begin()
            assert (await target.send(ASKING)).status == 418
        assert (await target.send(ASKING)).status == 200


async def test_a_fault_of_a_process_that_died_by_itself_has_nobody_to_leave(job: Job, tmp_path: Path) -> None:
    """That is no error of the fault, which leaves in silence; who would end the process is told that it had gone."""
    async with (
        ProcessTarget.start(job, Recorder(), directory=tmp_path) as target,
        Teapot().inject(target.rig),
    ):
        assert (await target.send(ASKING)).status == 418
        target.child.signal(signal.SIGKILL)
        await target.child.gone()
        with pytest.raises(TargetGone, match="went away before it was ended"):
            await target.restart(kill=False)


async def test_a_fault_has_the_time_that_an_app_takes_to_start_and_to_end() -> None:
    """One that starts a second server, or shuts it down, is not given up before the app is."""
    given: dict[str, float] = {}

    class Line:
        closed = False

        async def ask(self, question: str, *, timeout_s: float, **values: Any) -> Any:
            given[question] = timeout_s
            return {"fired": []}

    line: Any = Line()
    async with InChild(Recorder(), seed=1, line=lambda: line, hearing=nullcontext, origin="").entered(
        "test.noting", Noting()
    ):
        pass
    assert min(given["enter"], given["leave"]) > 2 * LIFESPAN_S_MAX


async def stands(pid: int) -> None:
    """Wait until a process is stopped (proc(5), stat)."""
    async with asyncio.timeout(20):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":  # noqa: ASYNC110  # the system tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("kill", [None, False, True])
async def test_a_fault_leaves_a_process_that_is_paused(job: Job, tmp_path: Path, kill: bool | None) -> None:
    """It goes on for as long as it takes to leave, whether the fault ends or the process, and no firing is lost."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        assert target.rig.process is not None
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Noting().inject(target.rig))
            async with target.rig.process.paused("test.pause"):
                await (stack.aclose() if kill is None else target.end(kill=kill))
                if kill is None:
                    await stands(target.child.process.pid)
            if kill is not None:
                await target.begin()
        assert (await target.send(ASKING)).status == 200
    said = ["in, loop runs"] if kill else ["in, loop runs", "out"]
    assert [detail for _, detail in noted(recorder) if "process" not in detail][: len(said)] == said


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [("usage", UsageError, "not here"), ("entry", InvalidRun, "RuntimeError: cannot break")],
)
async def test_a_fault_that_cannot_be_put_there_ends_the_run(
    job: Job, tmp_path: Path, bad: str, kind: type[Exception], message: str
) -> None:
    """What goes wrong in there is told here in one line, and the target can still be used."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        with pytest.raises(kind, match=f"test.noting: .*{message}"):
            async with Noting(bad=bad).inject(target.rig):
                raise AssertionError
        async with Noting().inject(target.rig):
            assert (await target.send(ASKING)).status == 200


async def test_a_fault_that_is_no_plain_data_is_refused(job: Job, tmp_path: Path) -> None:
    """What cannot be sent is refused before anything is done."""
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=tmp_path) as target:
        fault: Any = replace(Noting(), bad=lambda: None)  # type: ignore[arg-type]  # what is wrong with it
        with pytest.raises(UsageError, match="make it of plain data"):
            async with fault.inject(target.rig):
                raise AssertionError
    assert noted(recorder) == []

"""A fault that is sent into the target's process acts there, is heard of, and is out again, whatever happens."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inside_faults import Noting, Teapot

from harness.errors import InvalidRun, UsageError
from harness.rig import Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
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

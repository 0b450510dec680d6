"""What a run leaves behind: the evidence of an earlier one stays until there is another, and nothing that was seen is lost."""

import asyncio
import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.errors import InvalidRun, UsageError
from harness.gates import parse
from harness.load.generator import Locust
from harness.load.kept import FRAMES, TOLD
from harness.load.options import LoadOptions
from harness.load.report import LoadReport
from harness.load.run import EVERYWHERE, Load, hint
from harness.load.target import LoadTarget, Starter
from harness.targets.ports import free_port
from harness.verdict import Verdict
from tests.harness.load.processes import is_sending, locusts

pytestmark = pytest.mark.usefixtures("patience")
Stub = Callable[..., Starter]
GATES = (parse("error_rate < 50%"),)


def kept(folder: Path) -> dict[str, bytes]:
    """All that an earlier run has left."""
    for name in (FRAMES, TOLD, "load-app.log"):
        (folder / name).write_bytes(b"of an earlier run")
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_run_that_is_refused_leaves_the_evidence_of_an_earlier_one(
    stub: Stub, tmp_path: Path
) -> None:
    """A log that is not there, and a place that is taken: nothing was run, and the baseline is as it was."""
    before = kept(tmp_path)
    with pytest.raises(UsageError, match="has no log"):
        await Load(start=stub(logged_nowhere=True), keep=tmp_path).run(LoadOptions(requests=20))
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        place = f"127.0.0.1:{stranger.getsockname()[1]}"
        with pytest.raises(UsageError, match="Address already in use"):
            await Load(start=stub(), keep=tmp_path).run(LoadOptions(requests=20, bind=place))
    assert contents(tmp_path) == before


async def test_a_run_that_sends_nothing_leaves_the_evidence_of_an_earlier_one(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No generator comes in time: there is nothing to keep."""
    for module in ("generator", "watching"):
        monkeypatch.setattr(f"harness.load.{module}.WORKERS_S_MAX", 2)
    before = kept(tmp_path)
    options = LoadOptions(requests=20, bind=f"127.0.0.1:{free_port()}")
    report = await Load(start=stub(), keep=tmp_path).run(options)
    assert (report.verdict, report.requests) == (Verdict.INVALID, 0)
    assert contents(tmp_path) == before


async def test_a_log_that_the_service_writes_where_it_would_be_kept_is_left_alone(
    stub: Stub, tmp_path: Path
) -> None:
    """It is neither removed nor copied onto itself."""
    place = tmp_path / "load-app.log"

    @asynccontextmanager
    async def there(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        async with stub()(options, directory) as target:
            place.write_text("from before\n")
            yield replace(target, logs={"app": place})

    options = LoadOptions(requests=20, rate_per_s=100, gates=GATES)
    report = await Load(start=there, keep=tmp_path).run(options)
    assert (report.reasons, place.read_text()) == ((), "from before\n")


async def test_nothing_of_an_earlier_run_stays_beside_the_evidence_of_the_next(
    stub: Stub, tmp_path: Path
) -> None:
    """A run that dies before its log is kept has none, and not that of the run before."""
    kept(tmp_path)

    @asynccontextmanager
    async def dying(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        async with stub()(options, directory) as target:
            yield target
            raise InvalidRun("it died")

    with pytest.raises(InvalidRun, match="it died"):
        await Load(start=dying, keep=tmp_path).run(LoadOptions(requests=20, rate_per_s=100, gates=GATES))
    assert set(contents(tmp_path)) == {FRAMES}


async def test_a_run_that_reads_no_log_keeps_none_of_an_earlier_one(stub: Stub, tmp_path: Path) -> None:
    """The log beside the frames would be taken for theirs; what no run has left is not touched, whatever its name."""
    options = LoadOptions(requests=20, rate_per_s=100, gates=GATES)
    await Load(start=stub(), keep=tmp_path).run(options)
    assert (tmp_path / "load-app.log").exists()
    for name in ("load-app.toml", "load-stderr.md"):
        (tmp_path / name).write_text("of the user")
    told = json.loads((tmp_path / TOLD).read_text())
    (tmp_path / TOLD).write_text(json.dumps({**told, "logs": [*told["logs"], FRAMES, "../x", 5]}))
    (tmp_path / "load-app").mkdir()
    quiet = replace(options, without_log=True)
    report = await Load(start=stub(logged_nowhere=True), keep=tmp_path).run(quiet)
    left = {path.name for path in tmp_path.iterdir()}
    assert (report.reasons, left) == ((), {FRAMES, TOLD, "load-app.toml", "load-stderr.md", "load-app"})


async def test_a_place_for_frames_that_cannot_be_written_costs_nothing(stub: Stub, tmp_path: Path) -> None:
    """What an earlier run has left is removed only where the frames of this one can be put."""
    (tmp_path / FRAMES).mkdir()
    for name in (TOLD, "load-app.log"):
        (tmp_path / name).write_bytes(b"of an earlier run")
    report = await Load(start=stub(), keep=tmp_path).run(
        LoadOptions(requests=20, rate_per_s=100, gates=GATES)
    )
    assert (report.verdict, "the evidence was not kept" in report.reasons[-1]) == (Verdict.INVALID, True)
    assert {path.name for path in tmp_path.iterdir()} == {FRAMES, TOLD, "load-app.log"}


async def test_an_interruption_while_the_target_ends_keeps_what_was_seen(stub: Stub, tmp_path: Path) -> None:
    """All was sent, and the target takes its time to end: the report is given, whole and marked."""
    ending, partial = asyncio.Event(), list[LoadReport]()

    @asynccontextmanager
    async def slow(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        async with stub()(options, directory) as target:
            yield target
            ending.set()
            await asyncio.Event().wait()

    load = Load(start=slow, keep=tmp_path, partial=partial.append)
    run = asyncio.create_task(load.run(LoadOptions(requests=20, rate_per_s=100, gates=GATES)))
    await ending.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (report,) = partial
    assert (report.verdict, report.requests) == (Verdict.INVALID, 20)
    assert "the run was interrupted" in json.loads((tmp_path / TOLD).read_text())["reasons"]


def failing(code: int) -> Starter:
    """A start that fails with this error of the system."""

    @asynccontextmanager
    async def start(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        raise OSError(code, os.strerror(code), "/some/place")
        yield

    return start


async def test_an_interruption_while_it_is_judged_gives_the_report(stub: Stub, tmp_path: Path) -> None:
    """All was sent and counted: it is shown and kept, marked."""
    partial = list[LoadReport]()

    def say(progress: str) -> None:
        if progress == "judging":
            run.cancel()

    load = Load(start=stub(), keep=tmp_path, say=say, partial=partial.append)
    run = asyncio.create_task(load.run(LoadOptions(requests=20, rate_per_s=100, gates=GATES)))
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [report.requests for report in partial] == [20]
    assert "the run was interrupted" in json.loads((tmp_path / TOLD).read_text())["reasons"]


async def test_a_disk_that_is_full_from_the_start_is_one_line() -> None:
    """It names the place; what is no matter of room stays the bug that it is."""
    for code, kind, told in (
        (errno.ENOSPC, InvalidRun, "/some/place: No space left on device; make room"),
        (errno.EPIPE, BrokenPipeError, "Broken pipe"),
    ):
        with pytest.raises(kind, match=told):
            await Load(start=failing(code)).run(LoadOptions(requests=20))


async def test_no_place_for_a_folder_is_one_line(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that names one."""
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/place")
    with pytest.raises(
        UsageError, match="no folder for a run: No such file or directory; name one with TMPDIR"
    ):
        await Load(start=stub()).run(LoadOptions(requests=20))


async def test_a_disk_that_fills_under_the_frames_is_the_masters_last_word(stub: Stub) -> None:
    """From some frame on the system refuses to write more: the run ends at once, invalid, and names the file."""

    def fill(progress: str) -> None:
        for process in locusts():
            if is_sending(progress) and "--master" in process.cmdline():
                process.rlimit(psutil.RLIMIT_FSIZE, (4_096, 4_096))

    load = Load(start=stub(), say=fill)
    report = await load.run(LoadOptions(requests=20_000, rate_per_s=50, gates=GATES))
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0].startswith("the master ended with exit code 3: ")
    assert report.reasons[0].endswith("frames.jsonl: File too large")
    assert locusts() == []


@pytest.mark.parametrize(("free", "told"), [
    (0, "{place}: no space left on device"),
    (1 << 30, "it said nothing"),
])  # fmt: skip
async def test_a_process_that_could_not_say_why_it_ended_had_no_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, told: str
) -> None:
    """Its last word stands on the same disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    (tmp_path / "said").touch()
    process = await asyncio.create_subprocess_exec("false")
    await process.wait()
    wrong = Locust(name="the master", process=process, said=tmp_path / "said").wrong
    assert wrong == f"the master ended with exit code 1: {told.format(place=tmp_path)}"


def test_generators_elsewhere_are_told_a_name_that_they_can_reach() -> None:
    """Where it listens under every name, that of this machine; else the one that was given."""
    assert f"--master-host {socket.gethostname()} --master-port 5557" in hint(f"{EVERYWHERE}:5557")
    assert "--master-host 127.0.0.1 --master-port 9" in hint("127.0.0.1:9")
    assert hint("") == ""

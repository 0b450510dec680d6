"""The log file of a target is rotated under it, and is one file again when it has ended."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from harness.errors import UsageError
from harness.faults.logs_files import LogsRotation
from harness.history import FaultFired, LogRecord
from harness.network.live import LiveNetwork
from harness.provider import Script
from harness.rig import Rig, Window
from harness.targets import profile as profiles
from harness.targets.driven import Recorder
from harness.targets.logged import logged
from harness.targets.profile import Profile
from harness.targets.real import RealClock
from harness.targets.rotated import LogFile

Writes = Callable[[Path], IO[str]]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A service that logs to a file beside its profile."""
    path = tmp_path / "profile.toml"
    turn = '[turn]\npath = "/t"\nbody = { a = "{message}" }\n'
    path.write_text(f'command = "x {{port}}"\nlog = "x.log"\n{turn}')
    return profiles.load(str(path))


def stays(path: Path) -> IO[str]:
    """A writer that appends to the file that it has opened."""
    return path.open("a", buffering=1)


def details(recorder: Recorder) -> list[str]:
    return [one.detail for one in recorder.records if isinstance(one, FaultFired)]


def texts(profile: Profile, directory: Path, since: int = 0) -> list[str]:
    for name in ("app.log", "stderr.log"):
        (directory / name).touch()
    return [one.text for one in logged(directory, profile=profile, since=since) if isinstance(one, LogRecord)]


@pytest.mark.parametrize("how", ["rename", "truncate"])
@pytest.mark.parametrize("reopens", [False, True])
async def test_no_line_is_lost_whoever_goes_on_where(
    tmp_path: Path, profile: Profile, how: str, reopens: bool
) -> None:
    """All lines are read in their order, of one file with its mode; what stood there before the run is no line of it."""
    path = tmp_path / "x.log"
    path.write_text("before the run\n")
    path.chmod(0o640)
    recorder = Recorder()
    log = LogFile(profile, tmp_path, recorder)
    writer = stays(path)
    writer.write("one\n")
    for number in ("two", "three"):
        async with log.rotated("a", how=how):
            if reopens:
                writer.close()
                writer = stays(path)
            writer.write(f"{number}\n")
    writer.close()
    log.joined()
    assert texts(profile, tmp_path, since=len("before the run\n")) == ["one", "two", "three"]
    empty = how == "rename" and not reopens  # nobody had written to the file of the second rotation
    second = [] if empty else [f"{how}: 4 bytes before it, 6 after"]
    assert details(recorder) == [f"{how}: 4 bytes before it, 10 after", *second]
    assert path.stat().st_mode & 0o777 == 0o640
    assert {one.name for one in tmp_path.iterdir()} == {"x.log", "profile.toml", "app.log", "stderr.log"}


async def test_who_stays_with_the_file_that_was_moved_away_is_read_there(
    tmp_path: Path, profile: Profile
) -> None:
    """While the target runs the new file is empty, and the moved one has what it wrote; the rotation has fired."""
    recorder = Recorder()
    log = LogFile(profile, tmp_path, recorder)
    with stays(tmp_path / "x.log") as writer:
        writer.write("one\n")
        (tmp_path / "x.log").chmod(0o600)
        async with log.rotated("a", how="rename"):
            writer.write("two\n")
        assert (tmp_path / "x.log").read_text() == ""
        assert (tmp_path / "x.log").stat().st_mode & 0o777 == 0o600
        assert details(recorder) == []
    log.joined()
    assert details(recorder) == ["rename: 4 bytes before it, 4 after"]


async def test_what_is_written_at_any_moment_of_a_cut_is_kept(
    tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last copy and the cut nobody writes."""
    held: list[bool] = []

    @contextmanager
    def still() -> Iterator[None]:
        held.append(True)
        yield
        held.pop()

    log = LogFile(profile, tmp_path, Recorder(), still=still)
    with stays(tmp_path / "x.log") as writer:

        def looked(descriptor: int, fstat: Callable[[int], os.stat_result] = os.fstat) -> os.stat_result:
            seen = fstat(descriptor)
            if not held:
                writer.write("meanwhile\n")
            return seen

        writer.write("one\n")
        monkeypatch.setattr("harness.targets.rotated.os.fstat", looked)
        async with log.rotated("a", how="truncate"):
            monkeypatch.undo()
            writer.write("two\n")
        assert held == []
    log.joined()
    assert (tmp_path / "x.log").read_text() == "one\ntwo\n"


async def test_a_log_that_the_target_has_removed_is_what_was_rotated(
    tmp_path: Path, profile: Profile
) -> None:
    """The lines before are put back, and nothing was written after them."""
    recorder = Recorder()
    log = LogFile(profile, tmp_path, recorder)
    (tmp_path / "x.log").write_text("one\n")
    async with log.rotated("a", how="rename"):
        (tmp_path / "x.log").unlink()
    log.joined()
    assert ((tmp_path / "x.log").read_text(), details(recorder)) == ("one\n", [])


@pytest.mark.parametrize("how", ["rename", "truncate"])
@pytest.mark.parametrize(("before", "after"), [("", "two\n"), ("one\n", "")])
async def test_a_rotation_without_lines_before_and_after_has_not_fired(
    tmp_path: Path, profile: Profile, how: str, before: str, after: str
) -> None:
    """Where nothing was written before, or nothing after, there was nothing that could go wrong."""
    (tmp_path / "x.log").write_text("of an earlier run\n")
    recorder = Recorder()
    log = LogFile(profile, tmp_path, recorder)
    with stays(tmp_path / "x.log") as writer:
        writer.write(before)
        async with log.rotated("a", how=how):
            writer.write(after)
    log.joined()
    assert details(recorder) == []


async def test_a_writer_that_does_not_append_leaves_a_hole(tmp_path: Path, profile: Profile) -> None:
    """It goes on where it was in the file that was cut off; the hole is there to be found."""
    log = LogFile(profile, tmp_path, Recorder())
    with (tmp_path / "x.log").open("w", buffering=1) as writer:
        writer.write("one\n")
        async with log.rotated("a", how="truncate"):
            writer.write("two\n")
    log.joined()
    assert texts(profile, tmp_path) == ["one", "\0\0\0\0two"]


async def test_a_log_that_is_not_there_yet_is_not_rotated(tmp_path: Path, profile: Profile) -> None:
    """Nothing is moved, and nothing is put together."""
    log = LogFile(profile, tmp_path, Recorder())
    async with log.rotated("a", how="rename"):
        pass
    log.joined()
    assert not (tmp_path / "x.log").exists()


async def test_a_rotation_needs_a_file_and_takes_no_calls() -> None:
    """Where the harness knows of no file, and where a window chooses among calls, the message says what to do."""
    rig = Rig(provider=Script.__new__(Script), network=LiveNetwork.__new__(LiveNetwork), clock=RealClock())
    with pytest.raises(UsageError, match=r"logs.rotation needs the file .* name it"):
        LogsRotation().inject(rig)
    with pytest.raises(UsageError, match="all or nothing"):
        LogsRotation(window=Window(first_n=1))
    with pytest.raises(UsageError, match=r"^how='move': must be one of 'rename', 'truncate'"):
        LogsRotation(how="move")

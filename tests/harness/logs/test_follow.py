"""A log that is still written is followed: growth, pauses, rotation and truncation, without a clock."""

import gzip
import os

import pytest

from harness.errors import UsageError
from harness.logs import follow, sources


class Steps:
    """Stands for the time between two looks: each pause does the next step, and after the last there is none."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.seen = []

    def __call__(self) -> bool:
        if not self.steps:
            return False
        self.steps.pop(0)()
        return True


@pytest.fixture
def log(tmp_path):
    """The path of a log with one line."""
    path = tmp_path / "app.log"
    path.write_text("app INFO one\n")
    return path


def added(path, text):
    """A step that adds to the file."""

    def step():
        with path.open("a") as file:
            file.write(text)

    return step


def test_what_is_added_is_read_and_a_pause_gives_what_there_is(log):
    """A record is given at a pause, not only when another follows; a line that has not ended waits for its end."""
    given = []
    seen_at_pauses = []
    steps = Steps(added(log, "app INFO two\napp INFO th"), added(log, "ree\n"), lambda: None)

    def wait():
        seen_at_pauses.append(len(given))
        return steps()

    reading = follow(log, wait=wait)
    for record in reading:
        given.append(record.text)  # noqa: PERF401  # the list is looked at while it grows
    assert given == ["app INFO one", "app INFO two", "app INFO three"]
    assert seen_at_pauses == [1, 2, 3, 3]
    assert (reading.lines, reading.records, reading.doubts) == (3, 3, ())


def test_a_torn_line_is_a_record_at_the_end(log):
    """Where the follower is told to stop, a line without its end is given."""
    assert [record.text for record in follow(log, wait=Steps(added(log, "to")))] == ["app INFO one", "to"]


def test_rotation_is_followed_and_nothing_between_is_lost(log):
    """The old file is read to its end, also what was added after it was renamed, then the new one from its first line."""
    old = log.with_suffix(".1")

    def rotated():
        log.rename(old)
        added(old, "app INFO two\ntorn")()

    reading = follow(log, wait=Steps(rotated, lambda: None, lambda: log.write_text("\ufeffapp INFO three\n")))
    assert [(record.line, record.text) for record in reading] == [
        (1, "app INFO one"),
        (2, "app INFO two"),
        (3, "torn"),
        (1, "app INFO three"),
    ]
    assert reading.lines == 4


def test_a_rotation_at_once_is_noticed_by_the_inode(log):
    """Where another file of the same length has the name by the next look, it is read."""
    other = log.with_name("other")
    other.write_text("app INFO two\n")
    found = [record.text for record in follow(log, wait=Steps(lambda: other.replace(log)))]
    assert found == ["app INFO one", "app INFO two"]


def test_what_comes_just_before_the_rename_is_read(log, monkeypatch):
    """A line that is written after the last look, and before the file loses its name, is not lost."""
    original = sources._successor
    late = Steps(added(log, "app INFO late\n"), lambda: log.rename(log.with_suffix(".1")))

    def successor(*opened):
        while late():
            pass
        if not log.exists():
            log.write_text("app INFO new\n")
        return original(*opened)

    monkeypatch.setattr(sources, "_successor", successor)
    found = [record.text for record in follow(log, wait=Steps())]
    assert found == ["app INFO one", "app INFO late", "app INFO new"]


def test_truncation_is_noticed(log):
    """A file that got shorter is read from its beginning, with its lines counted from there."""
    reading = follow(log, wait=Steps(lambda: log.write_text("x y\n"), added(log, "app INFO two\n")))
    assert [(record.line, record.text) for record in reading] == [
        (1, "app INFO one"),
        (1, "x y"),
        (2, "app INFO two"),
    ]


def test_the_doubts_of_a_rotated_file_are_kept(log):
    """What was doubtful of the file before the rotation is still said after it."""
    log.write_bytes(b"caf\xe9\n")
    reading = follow(
        log, wait=Steps(lambda: log.rename(log.with_suffix(".1")), lambda: log.write_text("x\n"))
    )
    assert len(list(reading)) == 2
    assert reading.doubts == ("bytes that are no utf-8, read as replacement characters: 1",)


def test_what_does_not_grow_is_refused(tmp_path):
    """A missing file and a packed one are refused at once."""
    with pytest.raises(UsageError, match="there is no such file"):
        follow(tmp_path / "app.log", wait=Steps())
    packed = tmp_path / "app.log.gz"
    packed.write_bytes(gzip.compress(b"x"))
    with pytest.raises(UsageError, match="is packed by gzip, so it does not grow"):
        follow(packed, wait=Steps())


@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused_without_being_opened(tmp_path):
    """A pipe would keep a reader waiting for ever, also one that nobody writes to; so would a device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="it is a pipe; give a file, or leave --follow out"):
        follow(pipe, wait=Steps())
    with pytest.raises(UsageError, match="it is a device; give a file"):
        follow("/dev/null", wait=Steps())


def test_a_follower_that_is_left_in_a_rotation_lets_go_of_both_files(log, monkeypatch):
    """Whoever leaves while the old file is read to its end has the new one open already: it is closed, too."""
    original, opened = sources._successor, []

    def successor(path, file):
        log.rename(log.with_suffix(".1"))
        added(log.with_suffix(".1"), "app INFO late\n")()
        log.write_text("app INFO new\n")
        opened.extend((file, original(path, file)))
        return opened[1]

    monkeypatch.setattr(sources, "_successor", successor)
    blocks = sources.followed(log, Steps())
    assert [next(blocks), next(blocks)] == [b"app INFO one\n", b"app INFO late\n"]
    blocks.close()
    assert [file.closed for file in opened] == [True, True]


def test_a_follower_that_is_left_lets_go_of_its_file(log):
    """Leaving the loop closes the file: no warning of an open one is left."""
    records = iter(follow(log, wait=Steps(lambda: None)))
    assert next(records).text == "app INFO one"
    records.close()

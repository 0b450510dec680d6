"""A file is read whatever its encoding, its packing and the length of its lines, and what is doubtful is said."""

import codecs
import gzip
import os
import random
import threading

import pytest

from harness.errors import UsageError
from harness.logs import read
from harness.logs.sources import BLOCK_BYTES

LINES = ["app INFO done n=1 who=Zo\xeb", "WARNING:app:it is slow", "no format knows 12 of it"]
TEXT = "\n".join(LINES) + "\n"


@pytest.fixture
def written(tmp_path):
    """Write bytes to a file, and give its path."""

    def write(data: bytes):
        path = tmp_path / "app.log"
        path.write_bytes(data)
        return path

    return write


def texts(reading):
    """The texts of all records."""
    return [record.text for record in reading]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT[:-1].encode(),
        gzip.compress(TEXT.encode("utf-16"), mtime=0),
        gzip.compress(TEXT[:40].encode()) + gzip.compress(TEXT[40:].encode()),
    ],
)
def test_the_same_records_in_each_encoding_packing_and_line_end(written, data):
    """UTF-8, UTF-16, UTF-32, gzip, LF, CRLF, CR and a torn last line give the same records and counts, and no doubt."""
    reading = read(written(data))
    records = list(reading)
    assert [(record.line, record.text) for record in records] == list(enumerate(LINES, start=1))
    assert [record.event for record in records] == ["done", "it is slow", None]
    assert (reading.lines, reading.records, reading.unknown, reading.rest) == (3, 3, 1, 0)
    assert [(one.text, one.count, one.line) for one in reading.templates] == [
        ("no format knows <*> of it", 1, 3)
    ]
    assert reading.doubts == ()
    assert reading.bytes == len(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def test_a_log_is_read_anew_each_time(written):
    """Two iterations give the same records, and what is counted is of one of them."""
    reading = read(written(TEXT.encode()))
    assert list(reading) == list(reading)
    assert (reading.records, reading.unknown) == (3, 1)


def test_characters_and_line_ends_may_lie_across_blocks(written, monkeypatch):
    """Whatever the blocks, a byte order mark, a character of several bytes and a CRLF are never torn."""
    data = codecs.BOM_UTF8 + TEXT.replace("\n", "\r\n").encode() + "\U0001f600\r\n\r\n".encode()
    for size in range(1, 12):
        monkeypatch.setattr("harness.logs.sources.BLOCK_BYTES", size)
        reading = read(written(data))
        assert texts(reading) == [*LINES, "\U0001f600"]
        assert (reading.lines, reading.doubts) == (5, ())


def test_a_blank_line_within_a_message_is_kept(written):
    """What a message of several lines leaves blank is part of its text."""
    (record,) = read(written(b"INFO:app:a\n  b\n\n  c\n"))
    assert record.text == "INFO:app:a\n  b\n\n  c"


def test_bytes_that_are_no_utf_8_are_replaced_and_counted(written):
    """Each such byte is one replacement character, said once; one that was written as such is not counted."""
    reading = read(written(b"caf\xe9 \xff\n" * 2 + "\ufffd\n".encode() + b"\xc3"))
    assert texts(reading) == ["caf\ufffd \ufffd"] * 2 + ["\ufffd", "\ufffd"]
    assert reading.doubts == ("bytes that are no utf-8, read as replacement characters: 5",)
    torn = read(written(codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"\x00\xd8" + b"x"))
    assert texts(torn) == ["ab\ufffd"]
    assert torn.doubts == ("bytes that are no utf-16-le, read as replacement characters: 1",)


def test_a_line_of_ten_megabytes_is_one_record(written):
    """A line below the bound is kept whole, and is one record."""
    line = "app INFO done a=" + "x" * 10_000_000
    (record, after) = read(written(f"{line}\nafter\n".encode()))
    assert (record.text, record.event, after.line) == (line, "done", 2)


def test_a_line_that_is_too_long_is_cut_and_nothing_is_lost(written, monkeypatch):
    """Pieces of a line above the bound are records with its number, and a doubt says where the first was cut."""
    monkeypatch.setattr("harness.logs.text.LINE_CHARS_MAX", BLOCK_BYTES)
    long = "x" * (3 * BLOCK_BYTES + 5)
    reading = read(written(f"first\n{long}\nlast\n{long}".encode()))
    records = list(reading)
    pieces = [record for record in records if record.line == 2]
    assert len(pieces) > 1
    assert "".join(record.text for record in pieces) == long
    assert "".join(record.text for record in records if record.line == 4) == long
    assert all(len(record.text) <= BLOCK_BYTES for record in records)
    assert reading.lines == 4
    (doubt,) = reading.doubts
    assert doubt.startswith("lines of more than ")
    assert doubt.endswith("cut into records: 2, first line 2")


def test_a_damaged_packed_file_is_read_up_to_the_damage(written):
    """What comes before the place where a packed file breaks off is read, and the rest is a doubt."""
    lines = [f"app INFO done n={n} token={os.urandom(8).hex()}" for n in range(2_000)]
    packed = gzip.compress("\n".join(lines).encode())
    reading = read(written(packed[: len(packed) // 2]))
    found = texts(reading)
    assert 0 < len(found) < len(lines)
    assert found[:-1] == lines[: len(found) - 1]
    (doubt,) = reading.doubts
    assert doubt.startswith("the packed file is damaged, and what follows was not read: ")


def test_the_hole_that_a_cut_left_is_passed_over(written):
    """Zero bytes before the text, as a writer leaves that does not append, are counted and left out."""
    reading = read(written(b"\0" * (BLOCK_BYTES + 10) + TEXT.encode()))
    assert texts(reading) == LINES
    assert reading.doubts == (
        f"zero bytes in front, left by a cut while the log was written: {BLOCK_BYTES + 10}",
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty; give a log that has lines"),
        (b"\0" * 100, "it is empty; give a log that has lines"),
        (codecs.BOM_UTF8, "it is empty; give a log that has lines"),
        (b"\0\1\2" * 100, "it is no text; give the log as text"),
        (random.Random(1).randbytes(2_000), "it is no text; give the log as text"),
        (gzip.compress(b"a\0\0\0", mtime=0), "it is no text; give the log as text"),
        (gzip.compress(b"", mtime=0), "it is empty; give a log that has lines"),
        (b"PK\x03\x04rest", "it is packed by zip; unpack it first"),
        (b"BZh91AY", "it is packed by bzip2; unpack it first"),
        (b"\xfd7zXZ\0\0", "it is packed by xz; unpack it first"),
        (b"\x28\xb5\x2f\xfd\0", "it is packed by zstd; unpack it first"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(written, data, why):
    """An empty file, a binary one, and one that is packed otherwise are refused with the remedy, before any record."""
    path = written(data)
    with pytest.raises(UsageError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {why}")
    assert "\n" not in str(raised.value)


def test_what_cannot_be_opened_is_refused(tmp_path, monkeypatch):
    """A directory, a missing file and one that may not be read are refused with the remedy."""
    with pytest.raises(UsageError, match="is a directory; give the path of one log"):
        read(tmp_path)
    with pytest.raises(UsageError, match="there is no such file"):
        read(tmp_path / "missing.log")

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(UsageError, match="may not be read by this user"):
        read(tmp_path / "app.log")


def test_a_read_that_fails_half_way_is_told(written, monkeypatch):
    """An error of the disk is one line for the user, not a traceback."""
    reading = read(written(TEXT.encode()))

    class Failing:
        def read(self, _):
            raise OSError(5, "Input/output error")

    with pytest.raises(UsageError, match="it cannot be read \\(Input/output error\\)"):
        list(reading._blocks._plain(Failing()))


def test_a_pipe_is_read_once(tmp_path):
    """A named pipe is not looked into beforehand, so that nothing of it is lost."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(TEXT))
    writer.start()
    assert texts(read(path)) == LINES
    writer.join()


def test_a_clock_that_goes_back_is_doubtful(written):
    """Where times go back, a doubt names the line and by how much; disorder of a moment is none."""
    times = ["08:22:30,000", "08:22:28,000", "08:22:40,000", "07:22:40,000", "07:22:41,000", "06:00:00,000"]
    lines = "".join(f"2026-11-24 {time} INFO it runs\n" for time in times)
    reading = read(written(lines.encode()))
    list(reading)
    assert reading.doubts == ("the clock goes back by 3600.0 s at line 4; more such places: 1",)

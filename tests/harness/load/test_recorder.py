"""The generator's records: whole, or known not to be."""

import io
from pathlib import Path

import pytest

from harness.errors import InvalidRun
from harness.gates import TurnSent
from harness.load.recorder import BATCH_TURNS, Health, RecordWriter, read


class Counted(io.BytesIO):
    """A stream that counts how often it is written to, and can be read after it was closed."""

    writes = 0
    kept = b""

    def write(self, data: object) -> int:
        self.writes += 1
        return super().write(data)  # type: ignore[arg-type]  # whatever the recorder writes is passed on

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


def turn(number: int) -> TurnSent:
    return TurnSent(
        request_id=f"r{number}",
        endpoint="POST /turn",
        status=None if number % 2 else 200,
        started_s=1.5,
        ended_s=2.25,
        turn=number,
        turn_seen=None,
        method="pattern",
        degraded=True,
        retry_after=False,
        error="ConnectionResetError" if number % 2 else None,
    )


def recorded(path: Path, turns: int, health: Health | None) -> Path:
    """A file with so many turns; without health it was left open."""
    with path.open("wb") as stream:
        recorder = RecordWriter(stream)
        for number in range(turns):
            recorder.add(turn(number))
        if health is None:
            recorder.flush()
        else:
            recorder.close(health)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Turns and health come back equal, field by field."""
    health = Health(sent=3, strangers=1, ticks=20, late=2)
    found = read(recorded(tmp_path / "records", 3, health))
    assert found.turns == tuple(turn(number) for number in range(3))
    assert found.health == health


def test_turns_are_written_by_the_batch() -> None:
    """A turn costs no write of its own: two batches and a rest are one write each, beside header and footer."""
    stream = Counted()
    recorder = RecordWriter(stream)
    for number in range(2 * BATCH_TURNS + 1):
        recorder.add(turn(number))
    assert stream.writes == 3
    recorder.close(Health())
    assert stream.writes == 5
    assert stream.kept.count(b"\n") == 2 * BATCH_TURNS + 3


def test_records_without_an_end_are_known_to_be_cut(tmp_path: Path) -> None:
    """Where the footer is missing there is no health, and a last line that was cut does not hide the others."""
    path = recorded(tmp_path / "records", 3, None)
    path.write_bytes(path.read_bytes()[:-10])
    found = read(path)
    assert (len(found.turns), found.health) == (2, None)


@pytest.mark.parametrize("content", [None, b"", b'{"schema":2}\n', b'{"schema"\n', b"[1]\n"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty, foreign or broken file is an invalid run, not an empty one."""
    path = tmp_path / "records"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidRun):
        read(path)

"""The generator's record of a run: one compact line a turn, written in batches, and an end that says it is whole.

The file is JSON Lines: a header, one array a turn with its values in the header's order, and a footer with the
generator's own figures. Without the footer the generator did not end as it should, and the records prove nothing.
"""

from dataclasses import astuple, dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from harness.errors import InvalidRun
from harness.gates import TurnSent

SCHEMA = 1
BATCH_TURNS = 500
FIELDS = tuple(item.name for item in fields(TurnSent))
_values = attrgetter(*FIELDS)


@dataclass(slots=True, kw_only=True)
class Health:
    """How the generator itself did.

    `sent` counts the turns begun, `strangers` the answers without the target's nonce, `late` the ticks of its loop,
    of `ticks`, that were late enough to distort a latency.
    """

    sent: int = 0
    strangers: int = 0
    ticks: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a generator left: its turns, and its health, which is None where it did not come to its end."""

    turns: tuple[TurnSent, ...]
    health: Health | None


class RecordWriter:
    """Takes turns and writes them out by the batch; `flush` and `close` write what is left."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._batch: list[tuple[Any, ...]] = []
        self.recorded = 0
        self._write([{"schema": SCHEMA, "kind": "load_records", "fields": FIELDS}])

    def add(self, turn: TurnSent) -> None:
        """Take one turn; every `BATCH_TURNS`-th writes."""
        self._batch.append(_values(turn))
        self.recorded += 1
        if len(self._batch) >= BATCH_TURNS:
            self.flush()

    def flush(self) -> None:
        """Write the batch."""
        self._write(self._batch)
        self._batch = []

    def close(self, health: Health) -> None:
        """Write what is left and the footer."""
        self.flush()
        self._write([{"end": astuple(health)}])
        self._stream.close()

    def _write(self, lines: list[Any]) -> None:
        """Put whole lines on disk, in one piece."""
        self._stream.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        self._stream.flush()


def read(path: Path) -> Recorded:
    """Read what a recorder wrote; a last line that was cut is left out, for the missing footer tells it already.

    Raises:
        InvalidRun: there is no such file, or it was not written by this recorder.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n")
        header, *rest = (orjson.loads(line) for line in lines)
        if header != {"schema": SCHEMA, "kind": "load_records", "fields": list(FIELDS)}:
            raise InvalidRun(f"{path.name} has another schema than {SCHEMA}: record the load again")
        ended = bool(rest) and isinstance(rest[-1], dict)
        health = Health(**dict(zip(_HEALTH, rest.pop()["end"], strict=True))) if ended else None
        return Recorded(
            turns=tuple(TurnSent(**dict(zip(FIELDS, line, strict=True))) for line in rest), health=health
        )
    except (OSError, ValueError, TypeError) as error:
        raise InvalidRun(f"the generator left no records that can be read ({error})") from error


_HEALTH = tuple(item.name for item in fields(Health))

"""What a target wrote while it was played, as records."""

from pathlib import Path

from harness.history import LogRecord, Record
from harness.logs import parse


def logged(directory: Path, *, hidden: str | None = None) -> tuple[Record, ...]:
    """All that the target wrote: its log, then what it said on standard error.

    Where the folder's own name must not show, `hidden` stands for it.
    """
    shown = str(directory) if hidden is None else hidden
    records: list[LogRecord] = []
    for name, source in (("app.log", "app"), ("stderr.log", "stderr")):
        with (directory / name).open(encoding="utf-8", errors="replace") as lines:
            records.extend(parse((line.replace(str(directory), shown) for line in lines), source=source))
    return tuple(records)

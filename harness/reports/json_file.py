"""The JSON documents, schema 1: keys are only ever added. A file appears whole or not at all."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from harness.errors import InvalidRun, UsageError
from harness.verdict import ScenarioVerdict, Verdict

SCHEMA = 1


def scenario_document(result: ScenarioVerdict) -> dict[str, Any]:
    """One scenario as it stands in `scenarios[]`."""
    return {
        "name": result.name,
        "verdict": str(result.verdict),
        "violations": [asdict(violation) for violation in result.violations],
        "control": result.control,
        "faults_fired": dict(result.faults_fired),
        "reasons": list(result.reasons),
        "checked": list(result.checked),
        "elapsed_s": round(result.elapsed_s, 3),
        "replay": result.replay,
        "seed": result.seed,
    }


def document(kind: str, verdict: Verdict, replay: str, **values: Any) -> dict[str, Any]:
    """The document of one command, with what every document carries."""
    return {"schema": SCHEMA, "kind": kind, "verdict": str(verdict), "replay": replay, **values}


def check_place(path: Path | None) -> None:
    """Refuse, before anything is run, a report that could not be written; its folder is made.

    Raises:
        UsageError: the place cannot be written, or is taken by what is no file.
    """
    if path is None:
        return
    check_folder(path.parent)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no regular file; choose another name")


def check_folder(path: Path | None) -> None:
    """Refuse, before anything is run, a folder in which nothing can be written; it is made where it is missing.

    Raises:
        UsageError: it is no folder, or cannot be written.
    """
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; choose a place that can be written") from error


def check_unread(outputs: Mapping[str, Path | None], read: Iterable[Path]) -> None:
    """Refuse, before anything is run, an output that would take the place of what the command reads.

    Raises:
        UsageError: one of them is a file that is read, by whatever name.
    """
    files = list(read)
    for option, place in outputs.items():
        if place is not None and any(_are_one_file(place, path) for path in files):
            raise UsageError(f"{option} {place}: is what is read; choose another name")


def check_distinct(outputs: Mapping[str, Path | None]) -> None:
    """Refuse, before anything is run, two outputs of which one would take the place of the other.

    Raises:
        UsageError: two are one and the same file, or folder.
    """
    given = [(option, place) for option, place in outputs.items() if place is not None]
    for (first, one), (option, place) in itertools.combinations(given, 2):
        if _are_one_file(one, place) or os.path.realpath(one) == os.path.realpath(place):
            raise UsageError(f"{option} {place}: is where {first} goes, too; choose another name")


def _are_one_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file that is there, through a symlink or by a hard link, too."""
    with contextlib.suppress(OSError):  # one of them is not there, or cannot be
        return one.samefile(other)
    return False


def write_whole(path: Path, data: bytes) -> None:
    """Write beside, then put in place.

    Raises:
        InvalidRun: the place cannot be written any more: the run is over and its result is lost.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InvalidRun(f"{path}: {error.strerror}; the report was not written, run it again") from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Write one document, indented, with a newline at its end."""
    write_whole(path, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

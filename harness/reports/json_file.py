"""The JSON documents, schema 1: keys are only ever added. A file appears whole or not at all."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from harness.errors import UsageError
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
    }


def document(kind: str, verdict: Verdict, replay: str, **values: Any) -> dict[str, Any]:
    """The document of one command, with what every document carries."""
    return {"schema": SCHEMA, "kind": kind, "verdict": str(verdict), "replay": replay, **values}


def write_whole(path: Path, data: bytes) -> None:
    """Write beside, then put in place.

    Raises:
        UsageError: the place cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{path}: {error.strerror}; choose a place that can be written") from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Write one document, indented, with a newline at its end."""
    write_whole(path, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

"""A history on disk: JSON Lines, the header first, then one record a line with its kind under `record`.

Schema 1; a reader refuses a schema that it does not know. Files appear whole or not at all. No credentials of a header
are ever in one.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import orjson

from harness.errors import InvalidRun
from harness.history import (
    Contract,
    Deadlocked,
    Exchange,
    FaultFired,
    Header,
    History,
    LinkDown,
    LogRecord,
    Outage,
    Probe,
    Record,
    Snapshot,
    Starved,
    UpstreamCall,
)
from harness.redaction import Redactor, Rules

SCHEMA = 1
_KINDS: dict[str, type[Record]] = {
    kind.kind: kind
    for kind in (
        Exchange,
        LogRecord,
        UpstreamCall,
        FaultFired,
        Probe,
        Snapshot,
        Outage,
        LinkDown,
        Starved,
        Deadlocked,
    )
}
_NAMES: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(item.name for item in fields(kind)) for kind in (*_KINDS.values(), Header, Contract)
}
_TUPLES: Mapping[type[Any], frozenset[str]] = {
    kind: frozenset(name for name, hint in get_type_hints(kind).items() if get_origin(hint) is tuple)
    for kind in _NAMES
}
D = TypeVar("D")


def dump(history: History) -> bytes:
    """The history as JSON Lines, header first."""
    lines = [orjson.dumps({"schema": SCHEMA, "kind": "history", **asdict(history.header)})]
    lines += [
        orjson.dumps({"record": record.kind, **shallow(record)}, option=orjson.OPT_NON_STR_KEYS)
        for record in history.records
    ]
    return b"\n".join(lines) + b"\n"


def shallow(record: Record) -> dict[str, Any]:
    """The fields of a record by name, in their order; what they hold is not copied, as it is to be written at once."""
    return {name: getattr(record, name) for name in _NAMES[type(record)]}


def load(data: bytes) -> History:
    """Read what `dump` wrote.

    Raises:
        InvalidRun: the data is no history, is cut, or has a schema that this version cannot read.
    """
    try:
        first, *rest = (orjson.loads(line) for line in data.splitlines() if line.strip())
        if (kind := first.pop("kind")) != "history":
            raise InvalidRun(f"a document of kind {kind} is no history; give a file that --history wrote")
        if (schema := first.pop("schema")) != SCHEMA:
            raise InvalidRun(
                f"history of schema {schema}: this version reads schema {SCHEMA}; record it again"
            )
        first["contract"] = _build(Contract, first["contract"])
        header = _build(Header, first)
        return History(
            header=header, records=tuple(_build(_KINDS[line.pop("record")], line) for line in rest)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRun(
            f"not a history that can be read ({error}); record it again with --history"
        ) from error


def write(history: History, directory: Path) -> Path:
    """Write one history into `directory` under a name that says what it is; the file appears whole or not at all.

    Headers that carry credentials, such as Authorization and Cookie, are redacted.

    Raises:
        InvalidRun: the file cannot be written.
    """
    header = history.header
    path = place(
        directory,
        header.scenario,
        stage=header.stage,
        defects=header.defects,
        seed=header.seed,
        arm=header.arm,
    )
    partial = path.with_suffix(".partial")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(dump(_without_credentials(history)))
        return partial.replace(path)
    except OSError as error:
        raise InvalidRun(f"{path}: {error.strerror}; the history was not kept, run it again") from error


def place(
    directory: Path, scenario: str, *, stage: str, defects: tuple[str, ...], seed: int, arm: str
) -> Path:
    """Where the history of one arm is kept: no two runs that may differ have the same place."""
    mistakes = ("+".join(defects),) if defects else ()
    return directory / ".".join((scenario, stage, *mistakes, f"seed{seed}", arm, "jsonl"))


def _without_credentials(history: History) -> History:
    """A history in whose headers every secret is a mark; what the provider's witness has hashed already stays so."""
    rules = Rules(messages=False)
    redactor = Redactor(rules)

    def clean(headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: redactor.value(text, name)
            if rules.kind_of(name) and not text.startswith("[redacted ")
            else text
            for name, text in headers.items()
        }

    def told(record: Record) -> Record:
        if isinstance(record, Exchange):
            return replace(
                record, headers=clean(record.headers), request_headers=clean(record.request_headers)
            )
        return replace(record, headers=clean(record.headers)) if isinstance(record, UpstreamCall) else record

    return replace(history, records=tuple(told(record) for record in history.records))


def _build(kind: type[D], values: dict[str, Any]) -> D:
    """Build a record, turning JSON lists back into the tuples that its fields declare."""
    names, tuples = _NAMES[kind], _TUPLES[kind]
    return kind(
        **{name: tuple(value) if name in tuples else value for name, value in values.items() if name in names}
    )

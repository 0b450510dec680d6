"""Logs as services write them, made from a seed by the renderers and formatters themselves.

`FORMATS` has a maker for each format; it gives one record of it, of one line or more, without the end of the last.
"""

import asyncio
import json
import logging
import random
import traceback
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import structlog

from reference_app.console import line as operators

EVENTS = (
    ("conversation_aware_classification_skipped", "warning", "intent_classifier"),
    ("api_request_complete", "info", "universal_framework.safe_mode"),
    ("new_session_initialized", "info", "session_debug"),
    ("conversation_context_built", "info", "conversation_debug"),
    ("provider_call_failed", "error", "app.provider"),
    ("turn committed", "info", "app.store"),
    ("circuit opened", "warning", "app.breaker"),
)
PATHS = ("/workflow/execute", "/health", "/sessions/81f3a7c2/turns", "/metrics")
PHRASES = {200: "OK", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
START = datetime(2026, 11, 24, 8, 22, 29, tzinfo=UTC)
MESSAGES = (
    "Retrying request to /chat/completions in {} seconds",
    "HTTP Request: POST http://127.0.0.1:{}/chat/completions",
    "pool is full, {} waiters",
)
UNKNOWN = (
    "worker {} of 4 is draining, {} requests left",
    "[{}] GC pause {}ms",
    "10.1.{}.7 evicted /var/cache/item-{} after 3 tries",
)


def _fields(choice: random.Random) -> dict[str, Any]:
    """What a call to a logger adds to an event."""
    pool: dict[str, Any] = {
        "status_code": choice.choice((200, 429, 500)),
        "success": choice.random() < 0.9,
        "fallback": "structured_llm",
        "latency_ms": round(choice.uniform(1, 900), 3),
        "session_id": uuid.UUID(int=choice.getrandbits(128)).hex,
        "workflow_phase": "INITIALIZATION",
        "error": "connection reset by peer (attempt 2)",
        "tokens": {"prompt": choice.randrange(2000), "completion": choice.randrange(500)},
        "path": choice.choice(PATHS),
        "elapsed_s": choice.choice((0.25, float("inf"), float("nan"))),
    }
    return {name: pool[name] for name in choice.sample(list(pool), choice.randint(2, 6))}


def _at(choice: random.Random) -> datetime:
    return START + timedelta(seconds=choice.uniform(0, 7200))


def _request_id(choice: random.Random) -> str:
    return str(uuid.UUID(int=choice.getrandbits(128)))


def _logged(choice: random.Random) -> dict[str, Any]:
    """One record as structlog's last processor is given it, in the order of the reference app."""
    event, level, logger = choice.choice(EVENTS)
    own = {"request_id": _request_id(choice), "timestamp": _at(choice).isoformat()}
    return {"event": event, "level": level, "logger": logger, **_fields(choice), **own}


def _rendered(renderer: Callable[..., Any]) -> Callable[[random.Random], str]:
    """A maker of lines of one of structlog's renderers."""
    return lambda choice: str(renderer(None, "", _logged(choice)))


def _json(choice: random.Random) -> str:
    """As the reference app writes it."""
    return json.dumps(_logged(choice), separators=(",", ":"))


def _operator(choice: random.Random) -> str:
    return operators(_logged(choice)).decode()


def _standard(pattern: str) -> Callable[[random.Random], str]:
    """A maker of lines of a formatter of Python's `logging`."""
    formatter = logging.Formatter(pattern)

    def made(choice: random.Random) -> str:
        _, level, logger = choice.choice(EVENTS)
        message = choice.choice(MESSAGES).format(choice.randrange(100_000))
        values = {"name": logger, "levelname": level.upper(), "msg": message, "filename": "a.py", "lineno": 7}
        record = logging.makeLogRecord(values)
        record.created = _at(choice).timestamp()
        record.msecs = choice.randrange(1000)
        return formatter.format(record)

    return made


def _access(choice: random.Random) -> str:
    status = choice.choice(list(PHRASES))
    address = f"127.0.0.1:{choice.randrange(1024, 65536)} - " if choice.random() < 0.7 else ""
    line = f'INFO:     {address}"POST {choice.choice(PATHS)} HTTP/1.1" {status} {PHRASES[status]}'
    return line.replace("INFO", "\x1b[32mINFO\x1b[0m") if choice.random() < 0.3 else line


def _raised(kind: int) -> BaseException:
    """An exception: plain, chained, of a group, or of a cancelled call."""
    try:
        try:
            raise KeyError("session")  # noqa: TRY301  # the traceback is what is wanted
        except KeyError as error:
            if kind == 0:
                raise
            if kind == 1:
                raise RuntimeError("asyncio.run() cannot be called from a running event loop") from error
            if kind == 2:
                raise ExceptionGroup("unhandled errors", [error, ValueError("two\nlines")]) from None
            raise asyncio.CancelledError from error
    except BaseException as error:  # noqa: BLE001  # each of them is given back
        return error


TRACEBACKS = tuple("".join(traceback.format_exception(_raised(kind))).rstrip("\n") for kind in range(4))


def _traceback(choice: random.Random) -> str:
    """What uvicorn writes where a route raises."""
    return f"ERROR:    Exception in ASGI application\n{choice.choice(TRACEBACKS)}"


def _unknown(choice: random.Random) -> str:
    return choice.choice(UNKNOWN).format(choice.randrange(256), choice.randrange(100_000))


FORMATS: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "json": _json,
        "console": _rendered(structlog.dev.ConsoleRenderer(colors=True)),
        "console plain": _rendered(structlog.dev.ConsoleRenderer(colors=False)),
        "key-value": _rendered(structlog.processors.KeyValueRenderer()),
        "logfmt": _rendered(
            lambda _, __, logged: structlog.processors.LogfmtRenderer()(
                None, "", {key: value for key, value in logged.items() if key != "tokens"}
            )
        ),
        "operator": _operator,
        "logging": _standard("%(asctime)s - %(name)s - %(levelname)s - %(message)s"),
        "logging short": _standard(logging.BASIC_FORMAT),
        "access": _access,
        "traceback": _traceback,
        "unknown": _unknown,
    }
)
WEIGHTS = {"json": 10, "access": 4, "traceback": 1, "unknown": 1}
"""How often a format comes in a mixed log; where none stands it is 2."""


def mixed(choice: random.Random) -> str:
    """One record of any format, the commoner ones more often."""
    names = list(FORMATS)
    (name,) = choice.choices(names, [WEIGHTS.get(name, 2) for name in names])
    return FORMATS[name](choice)

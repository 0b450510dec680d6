"""Logs and metrics of one app: its own chain of processors and its own registry, nothing global.

A record is one line. It carries `event`, `level`, `logger`, its fields, and last `request_id` and `timestamp`. A line
that cannot be written is lost and counted; the request never notices, nor does it wait for a reader.
"""

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, cast

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from reference_app.console import line
from reference_app.context import REQUEST
from reference_app.contract import FallbackReason, Method
from reference_app.logger import Logger
from reference_app.settings import Settings
from reference_app.sink import Sink
from reference_app.tracebacks import safe_traceback

TICK_S = 0.1
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0)


class Metrics:
    """The counters of the monitoring plan, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._responses = Counter(
            "app_responses",
            "Responses by route template, status sent and outcome",
            ("route", "status", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "app_request_seconds", "Seconds by route", ("route",), buckets=_SECONDS, registry=registry
        )
        self._classifications = Counter(
            "app_classifications", "Classifications by level", ("method",), registry=registry
        )
        self._fallbacks = Counter(
            "app_fallbacks", "Levels that fell through", ("level", "reason"), registry=registry
        )
        self._breaker = Gauge(
            "app_breaker_state", "1 for the state of the circuit", ("model", "state"), registry=registry
        )
        self.in_flight = Gauge("app_requests_in_flight", "Requests being served", registry=registry)
        # Not a gauge of the last tick, which would forget a stall before anybody reads it.
        self.loop_lag = Histogram(
            "app_loop_lag_seconds", "Lateness of the loop's ticks", buckets=_SECONDS, registry=registry
        )
        self.log_failures = Counter("app_log_write_failures", "Log lines lost", registry=registry)
        self._methods = {method: self._classifications.labels(method) for method in Method}
        self._levels = {
            (level, reason): self._fallbacks.labels(level, reason)
            for level in (Method.CONVERSATION_AWARE, Method.STRUCTURED_LLM)
            for reason in FallbackReason
        }
        # `labels()` costs more than the increment, so each child is made once; their number is bounded by routes.
        self._answers: dict[tuple[str, int, str], Counter] = {}
        self._durations: dict[str, Histogram] = {}

    def classified(self, method: Method) -> None:
        """Count an answer of the chain by the level that gave it."""
        self._methods[method].inc()

    def fell_back(self, level: Method, reason: FallbackReason) -> None:
        """Count a level that fell through."""
        self._levels[level, reason].inc()

    def breaker_changed(self, model: str, state: str) -> None:
        """Note the state of the circuit of `model`."""
        for known in ("closed", "open", "half_open"):
            self._breaker.labels(model, known).set(known == state)

    def responded(self, *, route: str, status: int, outcome: str, seconds: float) -> None:
        """Count a finished request; `route` is the template, never the path."""
        key = (route, status, outcome)
        if key not in self._answers:
            self._answers[key] = self._responses.labels(*key)
        if route not in self._durations:
            self._durations[route] = self._seconds.labels(route)
        self._answers[key].inc()
        self._durations[route].observe(seconds)

    def render(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)


def stream_for(settings: Settings) -> BinaryIO:
    """`LOG_FILE`, appended to, or standard output, both unbuffered."""
    if settings.log_file is not None:
        return cast("BinaryIO", io.FileIO(settings.log_file, "ab"))
    return standard_output()


def standard_output() -> BinaryIO:
    """The process's output, unbuffered."""
    try:
        return cast("BinaryIO", io.FileIO(sys.stdout.fileno(), "wb", closefd=False))
    except (OSError, ValueError):
        # An output that is no file, as under a test runner's capture.
        return sys.stdout.buffer


class Observability:
    """The loggers and metrics of one app.

    `opened` gives the stream that takes the lines; without it they go where the settings say. `standard_output`
    takes what others print, in order with the lines of the log where those go there too.
    """

    def __init__(self, settings: Settings, *, opened: Callable[[], BinaryIO] | None = None) -> None:
        self.metrics = Metrics()
        self._sink = self.sink(opened or partial(stream_for, settings))
        own = opened is not None or settings.log_file is not None
        self.standard_output = self.sink(standard_output) if own else self._sink
        self._output = structlog.BytesLogger(cast("BinaryIO", self._sink))
        self._render = line if settings.log_format == "console" else _json

    def sink(self, opened: Callable[[], BinaryIO]) -> Sink:
        """A sink whose lost lines are counted."""
        return Sink(opened, self.metrics.log_failures.inc)

    def logger(self, name: str) -> Logger:
        """A logger whose records carry `name` and the id of the request in hand."""

        def record(_: Any, method: str, fields: MutableMapping[str, Any]) -> bytes:
            return self._render(self._record(name, method, fields))

        bound = structlog.wrap_logger(
            self._output,
            processors=[record],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )
        # The wrapped logger is a proxy that would be resolved anew for each line.
        return cast("Logger", bound.bind())

    def _record(self, name: str, method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """The record in the order in which it is written."""
        failed = fields.pop("exc_info", None)
        if failed:
            error = failed if isinstance(failed, BaseException) else sys.exc_info()[1]
            fields["traceback"] = safe_traceback(error)
        context = REQUEST.get()
        level = "error" if method == "exception" else method
        return {
            "event": fields.pop("event"),
            "level": level,
            "logger": name,
            **fields,
            "request_id": context.request_id if context is not None else None,
            "timestamp": datetime.now(UTC),
        }

    async def tick(self) -> None:
        """Measure how late the loop is, until cancelled."""
        while True:
            due = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self.metrics.loop_lag.observe(max(0.0, time.monotonic() - due))

    def close(self) -> None:
        """Write what waits, and let go of the log file."""
        self._sink.close()
        self.standard_output.close()


def _json(record: Mapping[str, Any]) -> bytes:
    """The record as JSON in ASCII, so that no reader finds a line's end in it; strange objects give their type's name."""
    try:
        data = orjson.dumps(record, default=_type_name)
    except TypeError:
        # Text that UTF-8 cannot carry, or a number that is too large: the record is kept, the fields are not.
        kept = ("event", "level", "logger", "request_id", "timestamp")
        data = orjson.dumps({name: record[name] for name in kept} | {"unwritable_fields": True})
    return data if data.isascii() else json.dumps(orjson.loads(data)).encode("ascii")


def _type_name(value: object) -> str:
    """What stands for a value that cannot be written."""
    return type(value).__name__

"""Log lines and metrics: their shape, and that nothing a value holds or a sink does can break them."""

import asyncio
import io
import json
import os
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from reference_app.context import REQUEST, RequestContext
from reference_app.contract import FallbackReason, Method
from reference_app.observability import TICK_S, Metrics, Observability, stream_for
from reference_app.settings import Settings
from reference_app.tracebacks import safe_traceback

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"


def observed(**settings: Any) -> tuple[Observability, io.BytesIO]:
    """Loggers that write into memory."""
    output = io.BytesIO()
    return Observability(Settings(**settings), opened=lambda: output), output


def test_the_console_prints_the_lines_that_operators_know() -> None:
    """Logger, level, event, bare flags, fields in order, then the request's id and the time."""
    observability, output = observed(log_format="console")
    token = REQUEST.set(RequestContext(request_id="r-1", deadline=0.0))
    observability.logger("session_debug").info(
        "new_session_initialized", workflow_phase="INITIALIZATION", session="ab12cd"
    )
    observability.logger("intent_classifier").warning(
        "level_left_out", flags=("one_flag", "another"), fallback=Method.STRUCTURED_LLM, share=0.5
    )
    observability.logger("conversation_debug").info(
        "conversation_context_built", has_history=False, messages_count=0, session=None, fallbacks=()
    )
    REQUEST.reset(token)
    observability.logger("universal_framework.safe_mode").error("odd", fallbacks=["a:b", "c:d"])
    expected = [
        "session_debug INFO new_session_initialized workflow_phase=INITIALIZATION session=ab12cd request_id=r-1",
        "intent_classifier WARNING level_left_out one_flag another fallback=structured_llm share=0.5 request_id=r-1",
        "conversation_debug INFO conversation_context_built has_history=false messages_count=0 session=null fallbacks=[] request_id=r-1",
        "universal_framework.safe_mode ERROR odd fallbacks=a:b,c:d request_id=null",
    ]
    lines = output.getvalue().decode().splitlines()
    assert [re.sub(rf" timestamp={STAMP}$", "", line) for line in lines] == expected
    assert all(re.search(rf" timestamp={STAMP}$", line) for line in lines)


EVIL = [
    "two words",
    'a "quote"',
    "a=b success=true",
    "line\nuniversal_framework.safe_mode INFO api_request_complete success=true",
    "carriage\rreturn",
    "\u2028separator\u2029",
    "\x1b[31mred",
    "\x00",
    "\ud800",
    "",
    "ünï",
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("value", EVIL, ids=range(len(EVIL)))
def test_no_value_can_forge_a_line_or_a_field(value: str, log_format: str) -> None:
    """Whatever a value holds, one record is one line, and the value adds no field to it."""
    observability, output = observed(log_format=log_format)
    observability.logger("x").info("event", field=value, flags=(value,))
    text = output.getvalue().decode()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    if log_format == "json":
        assert json.loads(text)["event"] == "event"
    else:
        assert not re.search(r"(^| )success=", re.sub(r'"(\\.|[^"\\])*"', "", text))


def test_a_json_record_has_its_names_and_order() -> None:
    """Flags are a list, and the id and the time come last."""
    observability, output = observed()
    log = observability.logger("name")
    log.info("event", flags=("one",), number=1, method=Method.PATTERN)
    record = json.loads(output.getvalue())
    assert list(record) == [
        "event",
        "level",
        "logger",
        "flags",
        "number",
        "method",
        "request_id",
        "timestamp",
    ]
    assert (record["flags"], record["level"], record["method"]) == (["one"], "info", "pattern")
    assert re.fullmatch(STAMP, record["timestamp"])


def test_a_field_that_cannot_be_written_costs_the_fields_and_not_the_record() -> None:
    """An object becomes the name of its type; text that UTF-8 cannot carry leaves the bare record."""
    observability, output = observed()
    observability.logger("x").info("event", thing=object(), secret=Settings())
    observability.logger("x").info("event", text="\ud800")
    first, second = [json.loads(line) for line in output.getvalue().splitlines()]
    assert (first["thing"], first["secret"]) == ("object", "Settings")
    assert second["unwritable_fields"] is True


class Broken(io.RawIOBase):
    """A stream that takes `parts` bytes at a time, and raises or takes nothing when they are used up."""

    def __init__(self, *takes: int | Exception | None) -> None:
        self.takes = list(takes)
        self.taken = b""

    def write(self, data: Any) -> int | None:
        take = self.takes.pop(0) if self.takes else len(data)
        if isinstance(take, Exception):
            raise take
        self.taken += bytes(data[:take]) if take is not None else b""
        return take


@pytest.mark.parametrize(
    ("takes", "lost"),
    [
        ((BrokenPipeError(),), 1),
        ((OSError(28, "no space"),), 1),
        ((ValueError("closed"),), 1),
        ((None,), 1),
        ((0,), 1),
        ((5, 7), 0),
        ((5, OSError(28, "no space")), 1),
    ],
    ids=["pipe", "space", "closed", "full", "nothing", "parts", "half"],
)
def test_a_sink_that_fails_is_counted_and_forgotten(takes: tuple[Any, ...], lost: int) -> None:
    """No failure of the stream reaches the caller; what is lost is counted, and the next line is tried again."""
    stream = Broken(*takes)
    observability = Observability(Settings(), opened=lambda: stream)
    observability.logger("x").info("first")
    observability.logger("x").info("second")
    assert f"app_log_write_failures_total {float(lost)}" in observability.metrics.render().decode()
    assert b'"event":"second"' in stream.taken
    if lost == 0:
        assert len(stream.taken.splitlines()) == 2


def test_a_log_file_that_cannot_be_opened_breaks_nothing(tmp_path: Path) -> None:
    """The line is lost and counted; once the folder is there, the next line is written and appended to."""
    settings = Settings(log_file=f"{tmp_path}/logs/app.log")
    observability = Observability(settings)
    observability.logger("x").info("lost")
    (tmp_path / "logs").mkdir()
    observability.logger("x").info("kept")
    observability.close()
    observability.logger("x").info("appended")
    observability.close()
    lines = (tmp_path / "logs" / "app.log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["kept", "appended"]
    assert "app_log_write_failures_total 1.0" in observability.metrics.render().decode()


def test_standard_output_is_the_default(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a file the lines go to the process's output, which closing the log leaves open."""
    observability = Observability(Settings())
    observability.logger("x").info("first")
    observability.close()
    os.write(1, b"still open\n")
    first, second = capfd.readouterr().out.splitlines()
    assert (json.loads(first)["event"], second) == ("first", "still open")


def test_an_output_without_a_descriptor_serves_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Under a capture that is no file the lines go to its buffer, which stays open."""
    observability = Observability(Settings())
    observability.logger("x").info("first")
    observability.close()
    assert stream_for(Settings()).closed is False
    assert json.loads(capsys.readouterr().out)["event"] == "first"


def raise_chain() -> None:
    try:
        {}[b"secret-canary".decode()]  # it raises
    except KeyError as error:
        raise sqlite3.OperationalError("disk I/O error") from error


def raise_group() -> None:
    try:
        [].pop()
    except IndexError:
        raise ExceptionGroup("several", [ValueError("a"), RuntimeError("b")]) from None


def test_a_traceback_names_the_places_and_quotes_no_value() -> None:
    """Frames and types of the whole chain are told, the cause first; only errors of the machine keep their text."""
    with pytest.raises(sqlite3.OperationalError) as caught:
        raise_chain()
    text = safe_traceback(caught.value)
    assert "KeyError: (text withheld)" in text
    assert "in raise_chain" in text
    assert "OperationalError: disk I/O error" in text
    assert text.index("KeyError:") < text.index("OperationalError:")


def test_a_group_tells_its_members_and_a_suppressed_cause_stays_away() -> None:
    """Each error of a group is told; an error raised `from None` hides what it replaced."""
    with pytest.raises(ExceptionGroup) as caught:
        raise_group()
    text = safe_traceback(caught.value)
    assert "ValueError: (text withheld)" in text
    assert "RuntimeError: b" in text
    assert "IndexError" not in text


def test_each_app_has_its_own_metrics() -> None:
    """Two registries do not know each other, and the names are those of the monitoring plan."""
    one, two = Metrics(), Metrics()
    one.classified(Method.PATTERN)
    one.fell_back(Method.CONVERSATION_AWARE, FallbackReason.READ_TIMEOUT)
    one.breaker_changed("m", "open")
    one.responded(route="/x", status=200, outcome="ok", seconds=0.003)
    text = one.render().decode()
    assert 'app_classifications_total{method="pattern"} 1.0' in text
    assert 'app_fallbacks_total{level="conversation_aware",reason="read_timeout"} 1.0' in text
    assert 'app_breaker_state{model="m",state="open"} 1.0' in text
    assert 'app_breaker_state{model="m",state="closed"} 0.0' in text
    assert 'app_request_seconds_bucket{le="0.005",route="/x"} 1.0' in text
    assert 'app_classifications_total{method="pattern"} 0.0' in two.render().decode()


class Noted:
    """The histogram, with word of the second observation."""

    def __init__(self, histogram: Any) -> None:
        self._histogram = histogram
        self._left = 2
        self.twice = asyncio.Event()

    def observe(self, value: float) -> None:
        self._histogram.observe(value)
        self._left -= 1
        if self._left == 0:
            self.twice.set()


async def test_a_blocked_loop_still_shows_after_the_next_tick() -> None:
    """A stall of more than a tick is in the metric when it is read at last, whatever came after it."""
    observability, _ = observed()
    noted = Noted(observability.metrics.loop_lag)
    observability.metrics.loop_lag = noted
    ticking = asyncio.ensure_future(observability.tick())
    await asyncio.sleep(0)
    time.sleep(TICK_S * 3)  # noqa: ASYNC251  # the blocked loop is what is measured
    await noted.twice.wait()
    ticking.cancel()
    await asyncio.wait([ticking])
    text = observability.metrics.render().decode()
    total = float(re.findall(r"app_loop_lag_seconds_count (\S+)", text)[0])
    short = float(re.findall(r'app_loop_lag_seconds_bucket\{le="0.1"\} (\S+)', text)[0])
    assert total == 2
    assert short < total

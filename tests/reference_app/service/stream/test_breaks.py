"""A stream that breaks: before its first event any other level or status answers, after it only `error`, and no turn."""

import asyncio
from typing import Any

import httpx
import pytest

from harness.provider.streams import event
from reference_app.components import make_workflow
from reference_app.sessions.protocol import SequenceConflict, StoreQueueFull, StoreUnavailable
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.workflow import Workflow

EOF = b""
FAILED = event({"error": {"message": "The server had an error.", "type": "server_error"}})
RESET, CUT, SILENT = httpx.ReadError(""), httpx.RemoteProtocolError("cut"), httpx.ReadTimeout("")
HALF = b'data: {"choices": [{"delta": {"content": "\xc3'
BREAKS = [
    pytest.param([], "truncated", id="end"),
    pytest.param([CUT], "provider_error", id="cut"),
    pytest.param([HALF, CUT], "provider_error", id="cut-inside-a-character"),
    pytest.param([HALF], "truncated", id="end-inside-a-character"),
    pytest.param([RESET], "provider_error", id="reset"),
    pytest.param([FAILED], "provider_error", id="error"),
    pytest.param([SILENT], "read_timeout", id="silence-beyond-a-read"),
    pytest.param([asyncio.Event], "read_timeout", id="stall"),
]


def made(breaks: list[Any]) -> list[Any]:
    """The pieces of a break; an event that is never set is made for the loop that runs."""
    return [piece() if piece is asyncio.Event else piece for piece in breaks]


def patience(breaks: list[Any]) -> dict[str, float]:
    """Only a stall has to be waited for; every other break shows itself."""
    return {"conversation_level_s": 0.5} if asyncio.Event in breaks else {}


@pytest.mark.parametrize(("breaks", "reason"), BREAKS)
async def test_a_break_before_anything_was_shown_is_a_fallback(
    streaming: Any, kit: Any, breaks: list[Any], reason: str
) -> None:
    """Where the client has seen nothing the next level answers, and answer and record say why."""
    async with streaming(**patience(breaks)) as app:
        app.provider.pieces = [*kit.parts(kit.said)[:2], *made(breaks)]
        reading = await app.turn()
    done = reading.events[-1][1]
    assert [name for name, _ in reading.events] == ["chunk", "done"]
    assert done["method"] == "structured_llm"
    assert [fallback["reason"] for fallback in done["fallbacks"]] == [reason]
    assert reading.text == done["response"]
    assert app.service.completions() == [(200, True, True, "degraded")]


@pytest.mark.parametrize(("breaks", "reason"), BREAKS)
async def test_a_break_after_something_was_shown_ends_in_an_error(
    streaming: Any, kit: Any, breaks: list[Any], reason: str
) -> None:
    """The stream ends with one `error` that names the reason, nothing is stored, and the record says that it is not whole."""
    async with streaming(**patience(breaks)) as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        app.provider.pieces = [*kit.parts(kit.said)[:-3], *made(breaks)]
        reading = await app.turn("two", session)
        stored = await app.messages(session)
        app.provider.pieces = kit.parts(kit.said)
        after = await app.turn("three", session)
    (name, problem), chunks = reading.events[-1], reading.events[:-1]
    assert {name for name, _ in chunks} == {"chunk"}
    assert name == "error"
    assert (problem["status"], problem["title"]) == (502, "Bad Gateway")
    assert problem["errors"] == [{"level": "conversation_aware", "reason": reason}]
    assert problem["request_id"].encode() == dict(reading.wire.sent[0]["headers"])[b"x-request-id"]
    assert reading.ended
    assert stored == ["one"]
    assert after.events[-1][1]["turn"] == 2
    record = app.service.records("api_request_complete")[1]
    assert (record["status_code"], record["success"], record["complete"], record["outcome"]) == (
        200,
        False,
        False,
        "error",
    )
    assert record["fallbacks"] == [f"conversation_aware:{reason}"]
    assert len(app.service.records("api_request_complete")) == 4
    assert len(app.service.records("intent_classification_success")) == 2
    assert [call for call in app.provider.calls if "response_format" in call] == []
    assert app.service.records("unhandled_exception") == []


@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        ({}, {"finish": "length"}, "truncated"),
        ({}, {"finish": "content_filter"}, "content_filtered"),
        ({"other": 1}, {}, "schema_mismatch"),
    ],
)
async def test_an_answer_that_turns_out_to_be_none_at_its_end_is_an_error(
    streaming: Any, kit: Any, change: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    """What the model says of its answer only at the end ends a reply that was shown, and none of it is stored."""
    async with streaming() as app:
        app.provider.pieces = kit.parts(kit.said | change, **options)
        reading = await app.turn()
    assert reading.text == kit.said["reply"]
    assert reading.events[-1][1]["errors"] == [{"level": "conversation_aware", "reason": reason}]
    assert app.service.records("new_session_initialized") == []


async def test_breaks_open_the_circuit(streaming: Any, kit: Any) -> None:
    """A provider that fails within its streams fails: after so many the circuit is open, and it is not asked."""
    async with streaming(breaker_failures=2) as app:
        app.provider.pieces = [*kit.parts(kit.said)[:-3], RESET]
        for _ in range(2):
            assert (await app.turn()).events[-1][0] == "error"
        done = (await app.turn()).events[-1][1]
    assert [fallback["reason"] for fallback in done["fallbacks"]] == ["circuit_open"] * 2
    assert len(app.provider.calls) == 2


async def test_the_deadline_of_the_request_holds_for_a_stream(streaming: Any, kit: Any) -> None:
    """A drip that never pauses for long ends at the deadline, with the reason."""
    async with streaming(deadline_s=0.6) as app:

        class Drip(list[Any]):
            def __iter__(self) -> Any:
                yield from kit.parts(kit.said)[:-3]
                while True:
                    yield from (0.01, b": still there\n\n")

        app.provider.pieces = Drip()
        reading = await app.turn()
    assert reading.events[-1][1]["errors"] == [{"level": "conversation_aware", "reason": "deadline"}]
    assert app.service.completions() == [(200, False, False, "error")]


def refusing(error: Exception) -> Any:
    """A store that takes no turn."""

    class Refusing(SQLiteSessionStore):
        async def append(self, append: Any, *, timeout_s: float) -> None:
            raise error

    return {"store": lambda parts: Refusing(parts.settings)}


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailable(), 503), (StoreQueueFull(), 503), (SequenceConflict(), 409)],
    ids=lambda value: type(value).__name__,
)
async def test_a_turn_that_is_not_stored_is_no_done(streaming: Any, error: Exception, status: int) -> None:
    """With chunks out the store's refusal is the stream's `error`, asked for once; without any it is the status."""
    async with streaming(factories=refusing(error)) as app:
        shown = await app.turn()
        calls = len(app.provider.calls)
        app.provider.pieces = []
        held = await app.turn()
    assert (shown.events[-1][0], shown.events[-1][1]["status"]) == ("error", status)
    assert calls == 1
    assert held.wire.status == status
    assert dict(held.wire.sent[0]["headers"])[b"content-type"] == b"application/problem+json"
    shed = isinstance(error, StoreQueueFull)
    outcome = "client_error" if status == 409 else "shed" if shed else "error"
    assert app.service.completions() == [(200, False, False, "error"), (status, False, True, outcome)]


@pytest.mark.parametrize(
    ("body", "headers", "settings", "status"),
    [
        (b"{}", {}, {}, 422),
        (b'{"message":"hi"}', {"idempotency-key": ""}, {}, 422),
        (b'{"message":"hi","session_id":"nobody"}', {}, {}, 404),
        (b"x" * 70_000, {}, {}, 413),
        (b'{"message":"hi"}', {}, {"api_keys": "k"}, 401),
    ],
)
async def test_what_is_refused_before_the_first_event_has_its_status(
    streaming: Any, body: bytes, headers: dict[str, str], settings: dict[str, Any], status: int
) -> None:
    """A refusal of a request for a stream is a problem with its status, like any."""
    async with streaming(**settings) as app:
        answer = await app.service.client.post(
            "/workflow/execute", content=body, headers={"accept": "text/event-stream", **headers}
        )
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert app.service.completions() == [(status, False, True, "client_error")]


class Buggy(Workflow):
    """A workflow with a bug in what comes after the classification."""

    async def keep(self, *_: Any) -> bytes:
        raise ValueError("a secret")


async def test_a_bug_after_something_was_shown_is_an_error_and_is_logged(streaming: Any) -> None:
    """The stream ends with a 500 as its `error`, which tells nothing, and the log has one traceback."""
    async with streaming(factories={"workflow": lambda parts: make_workflow(parts, kind=Buggy)}) as app:
        reading = await app.turn()
    name, problem = reading.events[-1]
    assert (name, problem["status"]) == ("error", 500)
    assert "secret" not in str(reading.events)
    assert len(app.service.records("unhandled_exception")) == 1
    assert app.service.completions() == [(200, False, False, "error")]

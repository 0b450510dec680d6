"""A turn as a stream: its events and their order, which level's reply they hold, and what they say of the turn."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reference_app.contract import ExecuteResponse


async def test_a_reply_comes_in_chunks_and_then_done(streaming: Any, kit: Any) -> None:
    """The head, more than one chunk, then one `done` with the fields of the 200, which the stored turn agrees with."""
    async with streaming() as app:
        reading = await app.turn()
        (name, done), chunks = reading.events[-1], reading.events[:-1]
        stored = (await app.service.client.get(f"/sessions/{done['session_id']}")).json()["turns"]
    assert reading.wire.sent[0]["status"] == 200
    headers = dict(reading.wire.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"x-request-id"].decode() == done["request_id"]
    assert b"content-length" not in headers
    assert {name for name, _ in chunks} == {"chunk"}
    assert len(chunks) > 1
    assert name == "done"
    assert done.keys() == ExecuteResponse.model_fields.keys()
    assert reading.text == done["response"] == kit.said["reply"] == stored[0]["response"]
    assert (done["method"], done["fallbacks"], done["turn"]) == ("conversation_aware", [], 1)
    assert app.service.completions()[0] == (200, True, True, "ok")
    assert len(app.service.records("intent_classification_success")) == 1


async def test_chunks_go_out_while_the_provider_is_still_writing(streaming: Any, kit: Any) -> None:
    """The client has the beginning of the reply before the provider has written its end."""
    async with streaming() as app:
        held = asyncio.Event()
        pieces = kit.parts(kit.said)
        app.provider.pieces = [*pieces[:-3], held, *pieces[-3:]]
        reading = app.ask().start()
        await reading.began.wait()
        assert kit.said["reply"].startswith(reading.text)
        assert not reading.ended
        held.set()
        await reading.task
    assert reading.events[-1][0] == "done"


async def test_done_leaves_after_the_commit(streaming: Any, tmp_path: Path) -> None:
    """At the moment in which `done` is sent another connection to the store's file finds the turn."""
    found: list[tuple[bytes, int]] = []

    def look(part: bytes) -> None:
        with sqlite3.connect(tmp_path / "sessions.db") as other:
            (count,) = other.execute("select count(*) from turn").fetchone()
        found.append((part.split(b"\n")[0], count))
        other.close()

    async with streaming() as app:
        reading = app.ask()
        reading.on_part = look
        await reading.start().task
    assert found[0] == (b"event: chunk", 0)
    assert found[-1] == (b"event: done", 1)


async def test_the_next_turn_sees_the_streamed_one(streaming: Any, kit: Any) -> None:
    """The provider is sent the streamed turn as history, and both ways of asking continue one session."""
    async with streaming() as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        await app.service.turn("two", session)
        third = await app.turn("three", session)
        assert await app.messages(session) == ["one", "two", "three"]
    told = [m["content"] for m in app.provider.calls[-1]["messages"][1:]]
    assert told == ["one", kit.said["reply"], "two", kit.said["reply"], "three"]
    assert third.events[-1][1]["turn"] == 3
    assert ["stream" in call for call in app.provider.calls] == [True, False, True]


@pytest.mark.parametrize("confidence", [0.7, 0.2, float("nan"), 1.5])
async def test_a_reply_of_low_confidence_is_held_back(streaming: Any, kit: Any, confidence: float) -> None:
    """The client sees nothing of level 0's reply, level 1 answers, and the answer says why."""
    async with streaming() as app:
        app.provider.pieces = kit.parts(kit.said | {"confidence": confidence})
        reading = await app.turn()
    done = reading.events[-1][1]
    assert kit.said["reply"][:6] not in reading.text
    assert reading.text == done["response"]
    assert done["method"] == "structured_llm"
    assert [fallback["reason"] for fallback in done["fallbacks"]] == ["low_confidence"]
    assert app.service.completions() == [(200, True, True, "ok")]


async def test_a_reply_before_its_confidence_is_held_back_until_that_is_known(
    streaming: Any, kit: Any
) -> None:
    """With the keys the other way round the reply is shown all the same, once its confidence is there."""
    async with streaming() as app:
        app.provider.pieces = kit.parts(dict(reversed(kit.said.items())))
        reading = await app.turn()
        app.provider.pieces = kit.parts(dict(reversed((kit.said | {"confidence": 0.1}).items())))
        low = await app.turn()
    assert (reading.text, reading.events[-1][0]) == (kit.said["reply"], "done")
    assert low.events[-1][1]["method"] == "structured_llm"


async def test_a_provider_that_does_not_stream_is_served(streaming: Any, kit: Any) -> None:
    """A plain completion in answer to a request for a stream is shown as a chunk."""
    async with streaming() as app:
        app.provider.headers = {"content-type": "application/json"}
        app.provider.pieces = [kit.completion(kit.said)]
        reading = await app.turn()
    assert [name for name, _ in reading.events] == ["chunk", "done"]
    assert reading.events[-1][1]["method"] == "conversation_aware"
    assert reading.text == kit.said["reply"]


async def test_the_patterns_answer_as_a_stream_too(streaming: Any) -> None:
    """Without a provider the lowest level's reply is a chunk, and `done` says that it is degraded."""
    async with streaming(provider_url=None) as app:
        reading = await app.turn("Please write an email to the team")
    done = reading.events[-1][1]
    assert (reading.text, done["method"], done["degraded"]) == (done["response"], "pattern", True)
    assert app.service.completions() == [(200, True, True, "degraded")]


async def test_what_a_hook_classifies_is_shown_only_as_its_answer(streaming: Any, kit: Any) -> None:
    """A hook may throw an answer away, so none is streamed to it: the one that it gives is shown whole."""
    async with streaming() as app:
        reading = await app.turn("> quoted\nWhat is this?")
    assert [name for name, _ in reading.events] == ["chunk", "done"]
    assert reading.text == kit.said["reply"]
    assert ["stream" in call for call in app.provider.calls] == [False]


async def test_a_key_that_was_answered_is_replayed_as_a_stream(streaming: Any) -> None:
    """The stored answer comes as one chunk and `done`, with no call of the provider, whichever way it was asked first."""
    async with streaming() as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        first = await app.turn("two", session, **{"idempotency-key": "k"})
        again = await app.turn("two", session, **{"idempotency-key": "k"})
        plain = await app.service.turn("two", session, **{"idempotency-key": "k"})
        assert await app.messages(session) == ["one", "two"]
    assert again.events == [("chunk", {"text": first.text}), first.events[-1]]
    assert plain.json() == first.events[-1][1]
    assert len(app.provider.calls) == 2
    assert [r.get("replayed") for r in app.service.records("api_request_complete")[:4]] == [
        None,
        None,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream", True),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0.5", True),
        ("text/event-stream; q=0", False),
        ("text/event-stream;q=0.000", False),
        ("text/event-stream-more", False),
        ("application/json", False),
        ("text/*", False),
        ("*/*", False),
    ],
)
async def test_who_asks_for_events_gets_events(streaming: Any, accept: str, streams: bool) -> None:
    """Only an `Accept` that names the media type, and does not rule it out, is answered by a stream."""
    async with streaming() as app:
        answer = await app.service.turn("hello", accept=accept)
    assert answer.status_code == 200
    kind = "text/event-stream" if streams else "application/json"
    assert answer.headers["content-type"].startswith(kind)


async def test_the_document_names_the_stream(serve: Any) -> None:
    """The 200 of the route is documented with both of its media types."""
    async with serve() as service:
        document = (await service.client.get("/openapi.json")).json()
    content = document["paths"]["/workflow/execute"]["post"]["responses"]["200"]["content"]
    assert content.keys() == {"application/json", "text/event-stream"}

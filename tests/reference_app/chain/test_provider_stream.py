"""A streamed answer of the provider: told only once it is accepted, complete only with its end, judged as a plain one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.provider.streams import DONE, event, streamed
from harness.rig import Reply
from reference_app.bodies import BODY_BYTES_MAX
from reference_app.contract import ConversationIntent, FallbackReason
from reference_app.failures import LevelFailed
from reference_app.provider import Attempt, ProviderClient
from reference_app.provider_stream import Listener
from reference_app.settings import Settings

SAID = {"intent": "question", "confidence": 0.9, "reply": 'Gr\u00fc\u00dfe \U0001f600, "so" \\ it\ngoes on.'}
EVENTS = {"content-type": "Text/Event-Stream; charset=utf-8"}


def chunk(content: str | None = None, *, finish: str | None = None, **delta: Any) -> bytes:
    """One event of a stream."""
    said = {"content": content} if content is not None else {}
    return event({"choices": [{"index": 0, "delta": said | delta, "finish_reason": finish}]})


def completion(said: Any, *, finish: str = "stop", **message: Any) -> bytes:
    """A plain completion whose model wrote `said`."""
    text = said if isinstance(said, str) else json.dumps(said)
    choice = {"index": 0, "message": {"content": text} | message, "finish_reason": finish}
    return orjson.dumps({"choices": [choice]})


def parts(said: Any, **options: Any) -> list[bytes]:
    """The events into which the simulated provider cuts the completion."""
    reply = streamed(Reply(headers={}, body=completion(said, **options)))
    return [part for part in reply.parts if isinstance(part, bytes)]


class Stream(httpx.AsyncByteStream):
    """A body in the given pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            self.read += 1
            yield piece


class Ear:
    """A listener that keeps what it was told, and what it was asked."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.told: list[str] = []
        self.asked: list[tuple[ConversationIntent, float]] = []
        self._accepts = accepts
        self.listener = Listener(self._judge, self.told.append)

    def _judge(self, label: ConversationIntent, confidence: float) -> bool:
        self.asked.append((label, confidence))
        return self._accepts


async def ask(answer: httpx.Response, ear: Ear, requests: list[Any] | None = None) -> Any:
    """What the client makes of the answer: the answer of the level, or the reason why there is none."""

    def handle(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(json.loads(request.content))
        return answer

    client = ProviderClient(
        Settings(provider_url="http://provider.invalid/v1"), transport=httpx.MockTransport(handle)
    )
    attempt = Attempt(ends_at=time.monotonic() + 5, cap_s=5, reason=FallbackReason.READ_TIMEOUT)
    try:
        return await client.converse("hello", (), attempt, ear.listener)
    except LevelFailed as failure:
        return failure.reason


def response(*pieces: bytes | Exception) -> httpx.Response:
    """A streamed 200."""
    return httpx.Response(200, headers=EVENTS, stream=Stream(*pieces))


async def test_a_stream_is_asked_for_and_told_while_it_comes() -> None:
    """The request says `stream`, the reply is told in several pieces, and they are the reply of the answer."""
    ear, requests = Ear(), list[Any]()
    said = await ask(response(*parts(SAID)), ear, requests)
    assert requests[0]["stream"] is True
    assert (said.label, said.confidence, said.reply) == ("question", 0.9, SAID["reply"])
    assert len(ear.told) > 1
    assert "".join(ear.told) == SAID["reply"]
    assert ear.asked == [(ConversationIntent.QUESTION, 0.9)]


@settings(deadline=None)
@given(
    st.permutations(["intent", "confidence", "reply"]),
    st.text(min_size=1).filter(str.strip),
    st.lists(st.integers(min_value=0, max_value=100_000), max_size=30),
    st.booleans(),
)
def test_any_cut_of_the_bytes_tells_the_reply(
    keys: list[str], reply: str, places: list[int], escaped: bool
) -> None:
    """With the keys in any order, and the bytes cut anywhere, within a character too, the reply is told as it is."""
    values = SAID | {"reply": reply}
    text = json.dumps({key: values[key] for key in keys}, ensure_ascii=escaped)
    data = b"".join(parts(text))
    at = sorted({place % len(data) for place in places})
    pieces = [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]
    ear = Ear()
    said = asyncio.run(ask(response(*pieces), ear))
    assert said.reply == "".join(ear.told) == reply


async def test_nothing_is_told_before_the_level_is_sure_to_answer() -> None:
    """A reply that comes before its confidence is held back until that is there, and blanks until something follows."""
    ear = Ear()
    early = [chunk('{"reply": "A'), chunk('B", "intent": "question", "confidence": 0.'), chunk("9")]
    assert await ask(response(*early), ear) is FallbackReason.TRUNCATED
    assert ear.told == ear.asked == []
    whole = [*early, chunk("}"), chunk(finish="stop"), DONE]
    assert (await ask(response(*whole), ear)).reply == "AB"
    assert ear.told == ["AB"]
    blank = [chunk('{"intent": "question", "confidence": 0.9, "reply": "  '), chunk(" "), chunk("x")]
    ear = Ear()
    await ask(response(*blank), ear)
    assert ear.told == ["   x"]


@pytest.mark.parametrize(
    "said",
    [{"intent": "teleportation"}, {"confidence": "0.9"}, {"confidence": True}, {"intent": None}],
    ids=str,
)
async def test_what_is_no_answer_is_not_told(said: dict[str, Any]) -> None:
    """With a label that there is not, or a confidence that is no number, nobody is asked or told."""
    ear = Ear()
    await ask(response(*parts(SAID | said)), ear)
    assert ear.told == ear.asked == []


async def test_what_is_not_accepted_is_not_told() -> None:
    """Where the listener does not accept, the answer is given all the same, for the chain to judge, and not told."""
    ear = Ear(accepts=False)
    assert (await ask(response(*parts(SAID)), ear)).reply == SAID["reply"]
    assert (ear.told, len(ear.asked)) == ([], 1)


WHOLE = parts(SAID)
ERROR = event({"error": {"message": "The server had an error.", "type": "server_error"}})
LONG = b"data: " + b"x" * 65_536


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (WHOLE[:-1], "truncated"),
        ([*WHOLE[:-1], DONE[:-1]], "truncated"),
        (WHOLE[:4], "truncated"),
        ([], "truncated"),
        ([*WHOLE[:4], httpx.ReadError("")], "provider_error"),
        ([*WHOLE[:4], httpx.RemoteProtocolError("cut")], "provider_error"),
        ([*WHOLE[:4], httpx.ReadTimeout("")], "read_timeout"),
        ([*WHOLE[:4], ERROR, DONE], "provider_error"),
        ([ERROR], "provider_error"),
        ([*WHOLE[:4], b"data: {broken\n\n"], "invalid_envelope"),
        ([*WHOLE[:4], b"data: 7\n\n"], "invalid_envelope"),
        ([*WHOLE[:4], b"data: {}\n\n"], "invalid_envelope"),
        ([event({"choices": ["x"]})], "invalid_envelope"),
        ([event({"choices": [{"delta": {"content": 7}}]})], "invalid_envelope"),
        (parts(SAID, finish="length"), "truncated"),
        (parts(SAID, finish="content_filter"), "content_filtered"),
        (parts("", refusal="No."), "refused"),
        (parts(""), "invalid_envelope"),
        ([*WHOLE[:-2], DONE], "invalid_envelope"),
        (parts(json.dumps(SAID)[:-1]), "invalid_json"),
        (parts(SAID | {"other": 1}), "schema_mismatch"),
        (parts(json.dumps(SAID)[:-1] + ', "reply": "Other."}'), "schema_mismatch"),
        (parts(SAID | {"intent": "x"}), "unknown_label"),
        ([LONG] * (BODY_BYTES_MAX // len(LONG) + 1), "invalid_envelope"),
    ],
)
async def test_a_stream_that_is_no_whole_answer_fails_with_its_reason(pieces: Any, reason: str) -> None:
    """Cut, failed within, misshapen, too large or cut short by the model: each is a reason, and never an answer."""
    assert await ask(response(*pieces), Ear()) == reason


async def test_reading_stops_at_the_limit() -> None:
    """Of a stream over the limit no more is read than one piece beyond it."""
    body = Stream(*[LONG] * 1000)
    await ask(httpx.Response(200, headers=EVENTS, stream=body), Ear())
    assert body.read == BODY_BYTES_MAX // len(LONG) + 1


@pytest.mark.parametrize("after", [b"data: {broken\n\n", httpx.ReadError("")], ids=["bytes", "reset"])
async def test_what_comes_after_the_end_changes_nothing(after: Any) -> None:
    """With `[DONE]` the answer is complete, whatever comes or breaks afterwards."""
    assert (await ask(response(*WHOLE, after), Ear())).reply == SAID["reply"]


async def test_usage_at_the_end_is_no_piece_of_the_answer() -> None:
    """An event without a choice, as the one that tells the usage, is passed over."""
    usage = event({"choices": [], "usage": {"total_tokens": 3}})
    assert (await ask(response(*WHOLE[:-1], usage, DONE), Ear())).reply == SAID["reply"]


async def test_a_provider_that_does_not_stream_is_served() -> None:
    """A plain completion in answer to a request for a stream is an answer like any, told by nobody on the way."""
    ear = Ear()
    plain = httpx.Response(200, content=completion(SAID), headers={"content-type": "application/json"})
    assert (await ask(plain, ear)).reply == SAID["reply"]
    assert ear.told == []


async def test_a_plain_body_is_bounded_too() -> None:
    """A provider that does not stream may not send more than in answer to a plain request."""
    large = httpx.Response(200, content=b" " * (BODY_BYTES_MAX + 1))
    assert await ask(large, Ear()) is FallbackReason.INVALID_ENVELOPE

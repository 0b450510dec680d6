"""What a defect of the classifier, or of what is taken from the provider for an answer, does to users, seen without the harness."""

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from damage_bench import PLAN_INPUT, Provider, Started, turn

REPLY = "Here is what I know about it. Would you like more?"


class Odd(Provider):
    """Answers the conversation-aware level with `status` and a completion of `said` that ended by `finish`.

    Where `cut` is set it streams so many bytes of what is said, and ends the body in order, without `[DONE]`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status, self.finish = 200, "stop"
        self.said: dict[str, Any] = {"intent": "question", "confidence": 0.9, "reply": REPLY}
        self.cut: int | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        honest = await super().handle_async_request(request)
        if self.levels()[-1] == "structured":
            return honest
        if self.status != 200:
            return httpx.Response(self.status, json={"error": {"message": "no"}})
        content = json.dumps(self.said)
        if self.cut is not None:
            return httpx.Response(
                200, headers={"content-type": "text/event-stream"}, stream=Cut(content[: self.cut])
            )
        message = {"role": "assistant", "content": content, "refusal": None}
        return httpx.Response(200, json={"choices": [{"finish_reason": self.finish, "message": message}]})


class Cut(httpx.AsyncByteStream):
    """A stream with one piece of content, and no end but that of its body."""

    def __init__(self, content: str) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        delta = {"choices": [{"index": 0, "delta": {"content": self._content}, "finish_reason": None}]}
        yield b"data: " + json.dumps(delta).encode() + b"\n\n"


@pytest.fixture
def provider() -> Odd:
    """A provider whose answers a test bends."""
    return Odd()


async def test_without_a_defect_each_of_these_falls_through(started: Started, provider: Odd) -> None:
    """The control: an error, a confidence that is none, and an answer that was cut are each answered by the next level, which says why."""
    answers = []
    async with started() as client:
        for status, confidence, finish in ((500, 0.9, "stop"), (200, math.nan, "stop"), (200, 0.9, "length")):
            provider.status, provider.finish = status, finish
            provider.said["confidence"] = confidence
            answers.append((await turn(client)).json())
    assert {answer["method"] for answer in answers} == {"structured_llm"}
    reasons = [answer["fallbacks"][0]["reason"] for answer in answers]
    assert reasons == ["provider_error", "low_confidence", "truncated"]


async def test_fallback_unnamed_gives_the_primary_out_as_the_author(
    started: Started, provider: Odd, log: Path
) -> None:
    """The user reads that the primary level answered, undegraded, when it had failed; so does who reads the log."""
    provider.status = 500
    async with started("fallback_unnamed") as client:
        answer = (await turn(client)).json()
    assert provider.levels() == ["conversation", "structured"]
    assert (answer["method"], answer["degraded"], answer["fallbacks"]) == ("conversation_aware", False, [])
    assert answer["response"] != REPLY
    (said,) = [line for line in log.read_text().splitlines() if "intent_classification_success" in line]
    assert "method=conversation_aware" in said


@pytest.mark.parametrize(("confidence", "given"), [(math.nan, None), (math.inf, None), (1.7, 1.7)])
async def test_unvalidated_confidence_reaches_the_client(
    started: Started, provider: Odd, confidence: float, given: float | None
) -> None:
    """A confidence that is none passes the threshold, and the client is given one that the contract does not have."""
    provider.said["confidence"] = confidence
    async with started("unvalidated_confidence") as client:
        answer = (await turn(client)).json()
    assert (answer["method"], answer["confidence"]) == ("conversation_aware", given)


async def test_unvalidated_confidence_still_refuses_what_is_too_low(started: Started, provider: Odd) -> None:
    """The mistake is no caricature: an honest low confidence falls through as it should."""
    provider.said["confidence"] = 0.7
    async with started("unvalidated_confidence") as client:
        assert (await turn(client)).json()["method"] == "structured_llm"


async def test_truncated_json_accepted_keeps_half_a_reply(started: Started, provider: Odd) -> None:
    """The user gets the beginning of a reply as the whole, and the model is told on the next turn that it had said that."""
    provider.finish = "length"
    provider.said["reply"] = REPLY[:20]
    async with started("truncated_json_accepted") as client:
        first = (await turn(client)).json()
        await turn(client, "and then?", first["session_id"])
    assert (first["method"], first["response"]) == ("conversation_aware", REPLY[:20])
    assert {"role": "assistant", "content": REPLY[:20]} in provider.sent[1]["messages"]


@pytest.mark.parametrize("defects", [(), ("clean_eof_is_done",)])
async def test_clean_eof_is_done_ends_half_a_stream_with_done(
    started: Started, provider: Odd, defects: tuple[str, ...]
) -> None:
    """A stream of the provider's that ends early ends the user's in an error; with the defect in `done`, after half of the reply."""
    provider.cut = json.dumps(provider.said).index("know")
    async with started(*defects) as client:
        answer = await client.post(
            "/workflow/execute", json={"message": PLAN_INPUT}, headers={"accept": "text/event-stream"}
        )
    *_, last = answer.text.strip().split("\n\n")
    name, data = last.removeprefix("event: ").split("\ndata: ")
    if not defects:
        assert name == "error"
        return
    done = json.loads(data)
    assert (name, done["method"], done["response"]) == ("done", "conversation_aware", "Here is what I ")
    assert done["degraded"] is False

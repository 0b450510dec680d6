"""A completion as a stream of server-sent events, in the words of OpenAI's `chat.completion.chunk`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from harness.rig import Reply
from harness.wire import Part, Pause

DONE = b"data: [DONE]\n\n"
PIECE_CHARACTERS = 12
GAP_S = 0.005
"""Between two events, so that a stream lasts, and there is a middle in which it can break."""


def streamed(reply: Reply) -> Reply:
    """The completion that a reply carries, as a stream; a reply that carries none (an error, a page) as it stands."""
    try:
        completion = orjson.loads(reply.body)
        completion["choices"][0]["message"]
    except (ValueError, TypeError, LookupError):
        return reply
    headers = {**reply.headers, "content-type": "text/event-stream", "cache-control": "no-cache"}
    return replace(reply, headers=headers, parts=tuple(_parts(completion)))


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _parts(completion: dict[str, Any]) -> Iterator[Part]:
    """A first event with the role, the content in pieces, a last one with the reason, and the end."""
    choice = completion["choices"][0]
    message = choice["message"]
    content, refusal = message.get("content") or "", message.get("refusal")
    yield _chunk(completion, {"role": "assistant", "content": ""})
    for start in range(0, len(content), PIECE_CHARACTERS):
        yield Pause(for_s=GAP_S)
        yield _chunk(completion, {"content": content[start : start + PIECE_CHARACTERS]})
    if refusal:
        yield _chunk(completion, {"refusal": refusal})
    yield Pause(for_s=GAP_S)
    yield _chunk(completion, {}, finish_reason=choice.get("finish_reason"))
    yield DONE


def _chunk(completion: dict[str, Any], delta: dict[str, Any], *, finish_reason: str | None = None) -> bytes:
    """One event of a stream."""
    return event(
        {
            "id": completion.get("id"),
            "object": "chat.completion.chunk",
            "created": completion.get("created"),
            "model": completion.get("model"),
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        }
    )

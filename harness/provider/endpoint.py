"""The HTTP side of the provider, whatever carries it: routes, and the witness around each call.

Paths are whole (`/v1/chat/completions`), header names in lower case.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import orjson

from harness.provider.answers import EPOCH_S, MODEL, error_reply
from harness.provider.messages import level_of, messages_of
from harness.provider.script import Script
from harness.provider.witness import Witness
from harness.rig import Call, Reply

COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"
_METHODS = {COMPLETIONS: "POST", MODELS: "GET"}


class Endpoint:
    """Answers requests by the script, and lets the witness see every chat completion."""

    def __init__(self, script: Script, witness: Witness) -> None:
        self._script = script
        self._witness = witness

    @asynccontextmanager
    async def answering(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        begun: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Reply]:
        """The reply to one request, which is over when the block ends: then all of it has been sent.

        `begun` is told the ordinal of a chat completion once it has one. Leaving the block by an exception, a
        cancellation too, is how a caller goes away: the witness then notes the call as aborted.
        """
        wanted = _METHODS.get(path)
        if wanted is None:
            yield error_reply(404, f"Unknown request URL: {method} {path}.", code="unknown_url")
        elif method != wanted:
            reply = error_reply(405, f"Not allowed to {method} on {path}.", code="method_not_supported")
            reply.headers["allow"] = wanted
            yield reply
        elif path == MODELS:
            yield _models()
        else:
            async with self._completing(headers, body, begun) as reply:
                yield reply

    @asynccontextmanager
    async def _completing(
        self, headers: Mapping[str, str], body: bytes, begun: Callable[[int], None] | None
    ) -> AsyncIterator[Reply]:
        """Answer one chat completion under the eyes of the witness."""
        asked = _object(body)
        level, request_id = level_of(asked), headers.get("x-request-id")
        ordinal = self._witness.begin(
            level=level,
            request_id=request_id,
            messages=messages_of(asked) or (),
            headers=headers,
            streamed=asked.get("stream") is True,
        )
        if begun is not None:
            begun(ordinal)
        call = Call(ordinal=ordinal, level=level, request_id=request_id, headers=dict(headers), body=asked)
        try:
            reply = await self._script.answer(call)
            yield reply
        except BaseException:  # a cancellation too is a call that ended
            self._witness.aborted(ordinal)
            raise
        self._witness.answered(ordinal, reply.status or None, reply.body)


def _object(body: bytes) -> dict[str, object]:
    """The JSON object that a request carries; an empty one, which no request may be, where it carries none."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _models() -> Reply:
    """The list of models: one."""
    model = {"id": MODEL, "object": "model", "created": EPOCH_S, "owned_by": "simulation"}
    body = orjson.dumps({"object": "list", "data": [model]})
    return Reply(headers={"content-type": "application/json"}, body=body)

"""An answer of the provider as it is streamed: OpenAI's `chat.completion.chunk`, one server-sent event each.

It is read to its `[DONE]`, and then judged as the same answer in one piece would be; without `[DONE]` it is none.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from reference_app.answers import ConversationAnswer
from reference_app.bodies import BODY_BYTES_MAX, limited
from reference_app.contract import ConversationIntent, FallbackReason
from reference_app.events import MEDIA_TYPE, EventReader
from reference_app.failures import LevelFailed
from reference_app.partial_json import PartialObject

DONE = b"[DONE]"
_LABELS: dict[object, ConversationIntent] = {label.value: label for label in ConversationIntent}
_JUDGED_BY = frozenset({"intent", "confidence"})
DRAIN_S = 0.05
"""How long the end of the body is waited for after `[DONE]`: with it the connection can be used again."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears a reply while it comes: told by `tell`, once `accepts` has said that this level will answer."""

    accepts: Callable[[ConversationIntent, float], bool]
    tell: Callable[[str], None]


class StreamedAnswer:
    """One answer of the conversation-aware level.

    Of the reply nothing is told before intent and confidence are there and accepted, nor before it says anything.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._object = PartialObject(keys=_JUDGED_BY, text="reply")
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._finish: str | None = None
        self._held: list[str] = []
        self._accepted: bool | None = None
        self._blank = True
        self._told: list[str] = []

    async def read(self, response: httpx.Response) -> bytes:
        """The body of the same answer in one piece; a provider that does not stream sends just that.

        Raises:
            LevelFailed: it is no such stream, it is too large, it has no end, or the provider failed within it.
        """
        if not response.headers.get("content-type", "").lower().startswith(MEDIA_TYPE):
            return await limited(response)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        pieces = aiter(response.stream)
        try:
            if not await self._ended(pieces):
                raise LevelFailed(FallbackReason.TRUNCATED)
            await _drain(pieces)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        content = "".join(self._content) if self._content else None
        message = {"content": content, "refusal": "".join(self._refusal)}
        return orjson.dumps({"choices": [{"message": message, "finish_reason": self._finish}]})

    def checked(self, answer: ConversationAnswer) -> ConversationAnswer:
        """The answer, if what was told is its reply; an object that says `reply` twice may have another one."""
        if self._told and "".join(self._told) != answer.reply:
            raise LevelFailed(FallbackReason.SCHEMA_MISMATCH)
        return answer

    async def _ended(self, pieces: AsyncIterator[bytes]) -> bool:
        """Read to `[DONE]`; False where the body ends without it."""
        events, size = EventReader(), 0
        async for piece in pieces:
            size += len(piece)
            if size > BODY_BYTES_MAX:
                raise LevelFailed(FallbackReason.INVALID_ENVELOPE)
            for data in events.feed(piece):
                if data == DONE:
                    return True
                self._take(data)
        return False

    def _take(self, data: bytes) -> None:
        """One event: a piece of the content, the reason of the end, usage, or the provider's own failure."""
        try:
            said = orjson.loads(data)
            error, choices = said.get("error"), said.get("choices")
            choice: dict[str, Any] = choices[0] if choices else {}
            delta = choice.get("delta") or {}
            content, refusal = delta.get("content") or "", delta.get("refusal") or ""
            self._finish = choice.get("finish_reason") or self._finish
        except (ValueError, LookupError, TypeError, AttributeError):
            raise LevelFailed(FallbackReason.INVALID_ENVELOPE) from None
        if error:
            raise LevelFailed(FallbackReason.PROVIDER_ERROR)
        if choices is None or not isinstance(content, str) or not isinstance(refusal, str):
            raise LevelFailed(FallbackReason.INVALID_ENVELOPE)
        if refusal:
            self._refusal.append(refusal)
        if content:
            self._content.append(content)
            self._hear(self._object.feed(content))

    def _hear(self, grown: str) -> None:
        """Tell what is new of the reply, with what was held back, if it may be told."""
        if grown:
            self._held.append(grown)
            self._blank = self._blank and not grown.strip()
        if self._accepted is None:
            self._accepted = self._judged()
        if self._accepted and self._held and not self._blank:
            text = "".join(self._held)
            self._held.clear()
            self._told.append(text)
            self._listener.tell(text)

    def _judged(self) -> bool | None:
        """Whether the level will answer, or None while that is not known."""
        fields = self._object.fields
        if fields.keys() != _JUDGED_BY:
            return None
        intent, confidence = fields["intent"], fields["confidence"]
        if intent not in _LABELS or not isinstance(confidence, float):
            return False
        return self._listener.accepts(_LABELS[intent], confidence)


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read on after `[DONE]`, for a moment: whatever comes, or breaks, the answer is complete."""
    with suppress(Exception):
        async with asyncio.timeout(DRAIN_S):
            async for _ in pieces:
                pass

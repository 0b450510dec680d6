"""The client of the LLM provider: bounded, typed, at most one retry, and nothing secret in any error.

It speaks to httpx's transport interface directly: `AsyncClient.send` around the same transport costs half as
much CPU again (redirects, cookies, auth, events), and none of that is wanted here.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from reference_app.answers import (
    ConversationAnswer,
    StructuredAnswer,
    conversation_answer,
    conversation_body,
    structured_answer,
    structured_body,
)
from reference_app.bodies import BODY_BYTES_MAX, limited
from reference_app.bridging.loop import serves
from reference_app.context import REQUEST
from reference_app.contract import FallbackReason, Turn
from reference_app.failures import (
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    LevelFailed,
    Retryable,
    retry_after_s,
    says_quota,
    status_reason,
    transport_reason,
)
from reference_app.provider_stream import Listener, StreamedAnswer
from reference_app.settings import Settings

KEEPALIVE_S = 5.0
"""How long a connection that nobody uses is kept."""
RETRY_JITTER_S = (0.01, 0.05)
RETRY_LEFT_S_MIN = 0.05
"""A retry is made only if at least this much is left after the wait."""

_ERROR_STATUS_MIN = 300

Read = Callable[[httpx.Response], Awaitable[bytes]]
"""How the body of a 200 is read; it may raise `LevelFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The time of one level: until `ends_at` (seconds of `time.monotonic()`), of the `cap_s` that it may have at most.

    `reason` is what it means when the time runs out: `read_timeout` where the level's own cap set the end,
    `deadline` where the whole request's budget did.
    """

    ends_at: float
    cap_s: float
    reason: FallbackReason

    def left_s(self) -> float:
        """Seconds until the end; negative once it has passed."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True)
class Channel:
    """What one loop uses: a transport, and the slots that stand for its connections."""

    transport: httpx.AsyncBaseTransport
    slots: asyncio.Semaphore


class ProviderClient:
    """Speaks to one OpenAI-compatible provider, from any loop: each loop has connections of its own.

    `transport` is used by every loop in place of real connections (a test's, a rehearsal's); it is not closed
    here. `jitter` and `wall_clock` (seconds since 1970, for a `Retry-After` date) are seams. Must not be made
    without a `provider_url` in `settings`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        jitter: random.Random | None = None,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if settings.provider_url is None:
            raise ValueError("a provider client needs provider_url: without one pass no client at all")
        self._settings = settings
        self._url = httpx.URL(settings.provider_url.rstrip("/") + "/chat/completions")
        # aiohttp would offer gzip by itself; plain bytes cost less, and cannot unfold to more than is read.
        self._headers = [(b"content-type", b"application/json"), (b"accept-encoding", b"identity")]
        if settings.provider_key is not None:
            key = settings.provider_key.get_secret_value()
            self._headers.append((b"authorization", b"Bearer " + key.encode()))
        self._transport = transport
        self._jitter = jitter or random.Random()
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._channels: dict[asyncio.AbstractEventLoop, Channel] = {}
        self._lock = threading.Lock()
        self._closed = False

    async def converse(
        self, message: str, turns: Sequence[Turn], attempt: Attempt, listener: Listener | None = None
    ) -> ConversationAnswer:
        """Ask the conversation-aware level; `turns` are the session's earlier ones, in order.

        With a `listener` the answer is asked for as a stream, and its reply is told while it comes.

        Raises:
            LevelFailed: with the reason, for whatever the provider or the network did.
        """
        kept = self._settings.history_turns_max
        history = turns[-kept:] if kept else ()
        model = self._settings.provider_model
        if listener is None:
            return conversation_answer(
                await self._complete(conversation_body(model, history, message), attempt)
            )
        streamed = self.streamed(listener)
        body = conversation_body(model, history, message, stream=True)
        return streamed.checked(conversation_answer(await self._complete(body, attempt, streamed.read)))

    def streamed(self, listener: Listener) -> StreamedAnswer:
        """What reads an answer that comes as a stream."""
        return StreamedAnswer(listener)

    async def structure(self, message: str, attempt: Attempt) -> StructuredAnswer:
        """Ask the structured level about the message alone; raises as `converse` does."""
        return structured_answer(
            await self._complete(structured_body(self._settings.provider_model, message), attempt)
        )

    async def aclose(self) -> None:
        """Close the connections of every loop; later calls fail as `connect_failed`.

        Call it before the bridge is closed, so that the connections of the bridge's own loop close on it.
        """
        self._closed = True
        with self._lock:
            channels = dict(self._channels)
            self._channels.clear()
        here = asyncio.get_running_loop()
        for loop, channel in channels.items():
            closing = self._close(channel)
            if loop is here or not serves(loop):
                await closing
            else:
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(closing, loop))

    async def _complete(self, body: bytes, attempt: Attempt, read: Read = limited) -> bytes:
        """The body of the provider's 200, by `read`, with at most one retry; what was read in part is not retried."""
        try:
            return await self._post(body, attempt, read)
        except Retryable as failure:
            if failure.after_s + RETRY_LEFT_S_MIN > attempt.left_s():
                raise
            after_s = failure.after_s
        await self._sleep(after_s)
        return await self._post(body, attempt, read)

    async def _post(self, body: bytes, attempt: Attempt, read: Read) -> bytes:
        request = self._request(body, attempt)
        channel = await self.channel()
        await _acquire(channel.slots, attempt)
        try:
            response, content = await _exchange(channel.transport, request, read)
        except (RuntimeError, LevelFailed):
            # A wrong loop or a closed client is a bug of ours and is told as one, never as the provider's failure.
            raise
        except Exception as error:  # noqa: BLE001  # parsers raise what they like at what a provider sends, and it is never ours
            reason = transport_reason(error)
        else:
            return self._judged(response, content)
        finally:
            channel.slots.release()
        # Raised here, outside of the handler, so that no traceback carries the address or the headers.
        if reason is FallbackReason.CONNECT_FAILED:
            raise Retryable(reason, self._jitter.uniform(*RETRY_JITTER_S))
        raise LevelFailed(reason)

    def _request(self, body: bytes, attempt: Attempt) -> httpx.Request:
        headers = self._headers
        context = REQUEST.get()
        if context is not None:
            headers = [*headers, (b"x-request-id", context.request_id.encode("ascii", "replace"))]
        # Half the attempt for the connection: a black hole is then a typed failure, and leaves time for a retry.
        # The total is bounded outside, by the caller: a read timeout is one read's.
        timeout = {
            "connect": attempt.left_s() / 2,
            "read": attempt.cap_s,
            "write": attempt.cap_s,
            "pool": None,
        }
        request = httpx.Request(
            "POST", self._url, headers=headers, content=body, extensions={"timeout": timeout}
        )
        request.headers.encoding = "ascii"  # said, so that it is not guessed at each look
        return request

    def _judged(self, response: httpx.Response, content: bytes) -> bytes:
        status = response.status_code
        if status < _ERROR_STATUS_MIN:
            if len(content) > BODY_BYTES_MAX:
                raise LevelFailed(FallbackReason.INVALID_ENVELOPE)
            return content
        if status == TOO_MANY_REQUESTS and says_quota(content):
            raise LevelFailed(FallbackReason.QUOTA_EXHAUSTED)
        reason = status_reason(status)
        if status in {TOO_MANY_REQUESTS, UNAVAILABLE}:
            after_s = retry_after_s(response.headers.get("retry-after"), self._wall_clock)
            if after_s is not None:
                raise Retryable(reason, after_s)
        raise LevelFailed(reason)

    async def channel(self) -> Channel:
        """What the running loop uses, made at its first call: connections belong to the loop that opened them."""
        loop = asyncio.get_running_loop()
        channel = self._channels.get(loop)
        if channel is None:
            if self._closed:
                raise LevelFailed(FallbackReason.CONNECT_FAILED)
            limit = self._settings.provider_connections_max
            channel = Channel(self._transport or _connections(limit), asyncio.Semaphore(limit))
            with self._lock:
                ended = [self._channels.pop(known) for known in list(self._channels) if known.is_closed()]
                self._channels[loop] = channel
            for left_behind in ended:
                await self._close(left_behind)
        return channel

    async def _close(self, channel: Channel) -> None:
        if self._transport is None:
            await channel.transport.aclose()


def _connections(limit: int) -> httpx.AsyncBaseTransport:
    """Connections of the running loop, without a memory: a cookie set on one user's call is sent with no other's."""
    encryption = httpx.create_ssl_context()
    connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEEPALIVE_S, ssl=encryption)
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    return AiohttpTransport(verify=encryption, client=session)


async def _exchange(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, read: Read
) -> tuple[httpx.Response, bytes]:
    """Send, and read the body where it matters: an error's says nothing, but for a 429's."""
    response = await transport.handle_async_request(request)
    try:
        if response.status_code < _ERROR_STATUS_MIN:
            return response, await read(response)
        return response, await limited(response) if response.status_code == TOO_MANY_REQUESTS else b""
    finally:
        await response.aclose()


async def _acquire(slots: asyncio.Semaphore, attempt: Attempt) -> None:
    """Take one slot: aiohttp reports waiting for a connection and making one alike, so the waiting is ours."""
    if not slots.locked():
        await slots.acquire()
        return
    try:
        async with asyncio.timeout(attempt.left_s() / 2):
            await slots.acquire()
    except TimeoutError:
        raise LevelFailed(FallbackReason.POOL_TIMEOUT) from None

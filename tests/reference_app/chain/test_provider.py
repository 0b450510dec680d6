"""The provider's client over an in-process transport: reasons, retries, limits, and what is sent."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import respx

from reference_app.contract import FallbackReason
from reference_app.failures import LevelFailed
from reference_app.provider import BODY_BYTES_MAX, Attempt, ProviderClient
from reference_app.settings import Settings

URL = "http://provider.invalid/v1"
CANARY = "sk-canary-secret"


class Provider:
    """A client over a handler, with its waits recorded instead of slept."""

    def __init__(self, handler: Callable[[httpx.Request], Any], **settings: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.called: asyncio.Queue[None] = asyncio.Queue()

        async def keep(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            self.called.put_nowait(None)
            answer = handler(request)
            return await answer if asyncio.iscoroutine(answer) else answer

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        self.client = ProviderClient(
            Settings(provider_url=URL, provider_key=CANARY, **settings),
            transport=httpx.MockTransport(keep),
            jitter=random.Random(7),
            wall_clock=lambda: 1_000_000_000.0,
            sleep=sleep,
        )

    async def reason(self, left_s: float = 1.0) -> FallbackReason:
        with pytest.raises(LevelFailed) as failure:
            await self.client.converse("hello", (), attempt(left_s))
        assert CANARY not in str(failure.value)
        assert "provider.invalid" not in str(failure.value)
        return failure.value.reason


def attempt(left_s: float = 1.0) -> Attempt:
    return Attempt(ends_at=time.monotonic() + left_s, cap_s=left_s, reason=FallbackReason.READ_TIMEOUT)


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError(CANARY), FallbackReason.CONNECT_FAILED),
        (httpx.ConnectTimeout(CANARY), FallbackReason.CONNECT_FAILED),
        (httpx.ProxyError(CANARY), FallbackReason.CONNECT_FAILED),
        (httpx.UnsupportedProtocol(CANARY), FallbackReason.CONNECT_FAILED),
        (ConnectionRefusedError(CANARY), FallbackReason.CONNECT_FAILED),
        (httpx.ReadTimeout(CANARY), FallbackReason.READ_TIMEOUT),
        (httpx.WriteTimeout(CANARY), FallbackReason.READ_TIMEOUT),
        (TimeoutError(CANARY), FallbackReason.READ_TIMEOUT),
        (httpx.PoolTimeout(CANARY), FallbackReason.POOL_TIMEOUT),
        (httpx.ReadError(CANARY), FallbackReason.PROVIDER_ERROR),
        (httpx.WriteError(CANARY), FallbackReason.PROVIDER_ERROR),
        (httpx.RemoteProtocolError(CANARY), FallbackReason.PROVIDER_ERROR),
        (ConnectionResetError(CANARY), FallbackReason.PROVIDER_ERROR),
        (ValueError(CANARY), FallbackReason.PROVIDER_ERROR),
    ],
)
async def test_transport_errors(error: Exception, expected: FallbackReason) -> None:
    """Each error of the transport, of a type that nobody foresaw too, has one reason, and none of its text gets out."""
    provider = Provider(raising(error))
    assert await provider.reason() is expected
    connects = expected is FallbackReason.CONNECT_FAILED
    assert len(provider.requests) == (2 if connects else 1)


async def test_a_bug_of_ours_is_no_failure_of_the_provider() -> None:
    """A RuntimeError of the client, of a wrong loop or a closed session, passes through, so that it is told as a bug."""
    with pytest.raises(RuntimeError, match="attached to a different loop"):
        await Provider(raising(RuntimeError("attached to a different loop"))).reason()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, FallbackReason.BAD_REQUEST),
        (400, FallbackReason.BAD_REQUEST),
        (401, FallbackReason.UNAUTHORIZED),
        (403, FallbackReason.UNAUTHORIZED),
        (404, FallbackReason.BAD_REQUEST),
        (413, FallbackReason.BAD_REQUEST),
        (422, FallbackReason.BAD_REQUEST),
        (429, FallbackReason.RATE_LIMITED),
        (500, FallbackReason.PROVIDER_ERROR),
        (502, FallbackReason.PROVIDER_ERROR),
        (503, FallbackReason.PROVIDER_ERROR),
        (529, FallbackReason.PROVIDER_ERROR),
    ],
)
async def test_statuses(status: int, expected: FallbackReason) -> None:
    """Each error status has one reason and, with no `Retry-After`, one upstream call."""
    provider = Provider(
        lambda request: httpx.Response(status, text=CANARY, headers={"location": "http://x.invalid"})
    )
    assert await provider.reason() is expected
    assert len(provider.requests) == 1


async def test_a_quota_is_no_rate_limit() -> None:
    """A 429 that says `insufficient_quota` is its own reason, and is not tried again whatever it promises."""
    body = {"error": {"code": "insufficient_quota"}}
    provider = Provider(lambda request: httpx.Response(429, json=body, headers={"retry-after": "0"}))
    assert await provider.reason() is FallbackReason.QUOTA_EXHAUSTED
    assert len(provider.requests) == 1
    failing = Provider(lambda request: httpx.Response(500, json=body))
    assert await failing.reason() is FallbackReason.PROVIDER_ERROR


async def test_a_limit_that_is_explained_at_length_is_a_limit() -> None:
    """A 429 whose body is over the limit is `rate_limited` all the same: its status says it."""
    provider = Provider(lambda request: httpx.Response(429, content=b" " * (BODY_BYTES_MAX + 1)))
    assert await provider.reason() is FallbackReason.RATE_LIMITED


async def test_connecting_gets_half_of_the_time() -> None:
    """Each try may connect for half of what is left, so that a black hole is named in time, and tried once more."""
    provider = Provider(raising(httpx.ConnectTimeout("")))
    await provider.reason(left_s=10.0)
    allowed = [request.extensions["timeout"]["connect"] for request in provider.requests]
    assert len(allowed) == 2
    assert all(4.0 < one_s <= 5.0 for one_s in allowed)


@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [
        ("0", 0.0),
        ("0.5", 0.5),
        ("Sun, 09 Sep 2001 01:46:40 GMT", 0.0),
        ("Sun, 09 Sep 2001 01:46:39 GMT", 0.0),
        ("Sun, 09 Sep 2001 01:46:41 GMT", None),
        ("1", None),
        ("3600", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_is_honoured_where_it_fits(
    status: int, retry_after: str, waited_s: float | None
) -> None:
    """One retry after exactly the asked wait, where that fits in the attempt; none where it does not or is no time."""
    provider = Provider(lambda request: httpx.Response(status, headers={"retry-after": retry_after}))
    await provider.reason(left_s=1.0)
    assert provider.waits == ([] if waited_s is None else [waited_s])
    assert len(provider.requests) == len(provider.waits) + 1


async def test_a_retry_heals(kit: Any) -> None:
    """The answer of the second try is the answer."""
    good = kit.completion({"intent": "request", "confidence": 0.9, "reply": "Yes."})
    answers = [httpx.Response(503, headers={"retry-after": "0"}), good]
    provider = Provider(lambda request: answers.pop(0))
    assert (await provider.client.converse("hello", (), attempt())).reply == "Yes."


async def test_connect_retries_have_seeded_jitter() -> None:
    """A refused connection is tried once more, after a small wait that the given generator decides."""
    provider = Provider(raising(httpx.ConnectError("no")))
    await provider.reason()
    assert provider.waits == [random.Random(7).uniform(0.01, 0.05)]


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 65_536, 8 * BODY_BYTES_MAX])
async def test_reading_stops_at_the_limit(size: int) -> None:
    """Of a body over the limit no more than one piece beyond it is read, and it is an invalid envelope."""
    read = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(0, size, 64 * 1024):
            read += 1
            yield b" " * 64 * 1024

    provider = Provider(lambda request: httpx.Response(200, content=pieces()))
    assert await provider.reason() is FallbackReason.INVALID_ENVELOPE
    assert read == 17
    assert await Provider(lambda request: httpx.Response(200, content=b" " * size)).reason() is (
        FallbackReason.INVALID_ENVELOPE
    )


async def test_reading_stops_for_any_kind_of_stream() -> None:
    """A stream that is no generator is left at the limit too."""

    class Endless(httpx.AsyncByteStream):
        read = 0

        def __aiter__(self) -> "Endless":
            return self

        async def __anext__(self) -> bytes:
            self.read += 1
            if self.read > 100:
                raise StopAsyncIteration
            return b" " * 64 * 1024

    stream = Endless()
    provider = Provider(lambda request: httpx.Response(200, stream=stream))
    assert await provider.reason() is FallbackReason.INVALID_ENVELOPE
    assert stream.read == 17


async def test_a_cut_body_is_a_provider_error() -> None:
    """A body that breaks off is never an answer, whatever stood in it so far."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"choices": ['
        raise httpx.RemoteProtocolError("cut")

    provider = Provider(lambda request: httpx.Response(200, content=pieces()))
    assert await provider.reason() is FallbackReason.PROVIDER_ERROR


async def test_what_is_sent(kit: Any, request_in_hand: Any) -> None:
    """The request carries key, request id and JSON to the one address, with the last turns of the history only."""
    router = respx.Router()
    route = router.post(f"{URL}/chat/completions").mock(
        return_value=kit.completion({"intent": "request", "confidence": 0.9, "reply": "Yes."})
    )
    provider = Provider(router.async_handler, history_turns_max=2)
    await provider.client.converse("now", [kit.turn(n, f"message {n}") for n in (1, 2, 3)], attempt())
    sent = route.calls.last.request
    assert sent.headers["x-request-id"] == request_in_hand.request_id
    assert sent.headers["authorization"] == f"Bearer {CANARY}"
    assert sent.headers["content-type"] == "application/json"
    users = [m["content"] for m in json.loads(sent.content)["messages"] if m["role"] == "user"]
    assert users == ["message 2", "message 3", "now"]


async def test_no_history_where_none_is_allowed(kit: Any) -> None:
    """A history limit of zero sends no earlier turn, rather than all of them."""
    provider = Provider(kit.healthy, history_turns_max=0)
    await provider.client.converse("now", [kit.turn(1, "before")], attempt())
    assert "before" not in provider.requests[0].content.decode()
    assert "x-request-id" not in provider.requests[0].headers


async def test_a_full_pool_is_named_and_frees_itself(kit: Any) -> None:
    """With all connections busy a call fails as `pool_timeout`; a cancelled call gives its connection back."""

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    provider = Provider(hang, provider_connections_max=1)
    held = asyncio.create_task(provider.client.converse("held", (), attempt()))
    await provider.called.get()
    assert await provider.reason(left_s=0.05) is FallbackReason.POOL_TIMEOUT
    assert len(provider.requests) == 1
    waiting = asyncio.create_task(provider.client.converse("waits", (), attempt(10.0)))
    await asyncio.sleep(0)
    held.cancel()
    await provider.called.get()
    waiting.cancel()
    results = await asyncio.gather(held, waiting, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2


async def test_a_closed_client_refuses(kit: Any) -> None:
    """After `aclose` a call fails typed, and opens nothing again."""
    provider = Provider(kit.healthy)
    await provider.client.aclose()
    assert await provider.reason() is FallbackReason.CONNECT_FAILED
    assert provider.requests == []


def test_no_client_without_an_address() -> None:
    """A client without a provider's address cannot be made."""
    with pytest.raises(ValueError, match="provider_url"):
        ProviderClient(Settings(provider_url=None))

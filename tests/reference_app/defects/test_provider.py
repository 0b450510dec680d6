"""The damage of the mistakes in how a provider is asked, in what a client gets, a provider sees and a log says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from damage_bench import Provider, Started, turn

KEY = "sk-of-the-operator"
DEADLINE_S = 0.3


class Dripping(httpx.AsyncByteStream):
    """A body that comes in pieces; between two of them the loop turns for `pause_s`."""

    def __init__(self, body: bytes, pause_s: float) -> None:
        self._body = body
        self._pause_s = pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 16):
            await asyncio.sleep(self._pause_s)
            yield self._body[start : start + 16]


class Troubled(Provider):
    """Refuses the first `refusals` calls with `refusal`; drips its answers where `pause_s` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: tuple[int, dict[str, str]] = (429, {})
        self.refusals = 0
        self.pause_s = 0.0
        self.begun = asyncio.Semaphore(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.begun.release()
        answer = await super().handle_async_request(request)
        if len(self.sent) <= self.refusals:
            status, headers = self.refusal
            return httpx.Response(status, headers=headers)
        if self.pause_s:
            return httpx.Response(200, stream=Dripping(await answer.aread(), self.pause_s))
        return answer


@pytest.fixture
def provider() -> Troubled:
    """A provider that can be made to misbehave; every app of this file asks it."""
    return Troubled()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short deadline, so that a test that outlasts it is short too."""
    monkeypatch.setenv("APP_DEADLINE_S", str(DEADLINE_S))


@pytest.mark.usefixtures("hurried")
async def test_per_read_timeout_only_waits_for_every_drop(started: Started, provider: Troubled) -> None:
    """No read takes long, all of them together outlast the deadline, and nothing is left to keep the turn."""
    provider.pause_s = DEADLINE_S / 8
    async with started("per_read_timeout_only") as client:
        response = await turn(client)
    assert response.status_code == 503
    assert provider.levels() == ["conversation"], "the first level has the whole answer, too late"


@pytest.mark.usefixtures("hurried")
async def test_timeouts_add_up_to_more_than_was_promised(started: Started, provider: Troubled) -> None:
    """The second level is asked when the deadline has passed, for it has a whole timeout too; the turn is lost."""
    provider.delay_s = 10 * DEADLINE_S
    async with started("timeouts_add_up") as client:
        response = await turn(client)
    assert response.status_code == 503
    assert provider.levels() == ["conversation", "structured"]


async def test_nested_retries_multiply(started: Started, provider: Troubled) -> None:
    """Under a rate limit one message costs twelve calls, and the user gets the patterns' answer all the same."""
    provider.refusals = 100
    provider.refusal = (429, {"retry-after": "0"})
    async with started("nested_retries") as client:
        response = await turn(client)
    assert response.json()["method"] == "pattern"
    assert provider.levels() == ["conversation"] * 6 + ["structured"] * 6


@pytest.mark.usefixtures("hurried")
async def test_retry_after_past_deadline_waits_as_it_is_told(started: Started, provider: Troubled) -> None:
    """The second call is made when nobody can be answered any more: it succeeds, and the turn is lost."""
    provider.refusals = 1
    provider.refusal = (429, {"retry-after": str(2 * DEADLINE_S)})
    async with started("retry_after_past_deadline") as client:
        response = await turn(client)
    assert response.status_code == 503
    assert provider.levels() == ["conversation", "conversation"]


async def test_breaker_counts_cancel_until_nobody_may_ask(started: Started, provider: Troubled) -> None:
    """Five clients leave, and a sixth is answered by patterns: the circuit of a sound provider is open."""
    provider.delay_s = 60.0
    async with started("breaker_counts_cancel") as client:
        leaving = [asyncio.ensure_future(turn(client)) for _ in range(5)]
        for _ in leaving:
            await provider.begun.acquire()
        for one in leaving:
            one.cancel()
        await asyncio.wait(leaving)
        provider.delay_s = 0.0
        answer = (await turn(client)).json()
    assert answer["method"] == "pattern"
    assert {fallback["reason"] for fallback in answer["fallbacks"]} == {"circuit_open"}
    assert len(provider.sent) == 5, "the sixth never got as far as the provider"


@pytest.mark.usefixtures("hurried")
async def test_timeout_in_milliseconds_ends_nothing(started: Started, provider: Troubled) -> None:
    """A call that takes three deadlines is waited for to its end, and its answer comes too late for the turn to be kept."""
    provider.delay_s = 3 * DEADLINE_S
    async with started("timeout_in_milliseconds") as client:
        response = await turn(client)
    assert response.status_code == 503
    assert provider.levels() == ["conversation"]


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's key, which goes with every call."""
    monkeypatch.setenv("APP_PROVIDER_KEY", KEY)


@pytest.mark.usefixtures("keyed")
async def test_secret_in_error_is_told_to_everybody(started: Started, provider: Troubled, log: Path) -> None:
    """The key of the provider stands in the user's answer, and in the log."""
    provider.refusals = 1
    provider.refusal = (401, {})
    async with started("secret_in_error") as client:
        response = await turn(client)
    assert response.status_code == 503
    assert KEY in response.text
    assert KEY in log.read_text()


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    ("status", "headers", "calls"),
    [(429, {"retry-after": "0"}, 4), (429, {"retry-after": "60"}, 2), (401, {}, 2)],
    ids=["soon", "late", "key"],
)
async def test_without_a_defect_a_refused_turn_is_answered(
    started: Started, provider: Troubled, status: int, headers: dict[str, str], calls: int
) -> None:
    """The control: two calls for each level where a retry may help, else one; the patterns answer, and show no key."""
    provider.refusals = 100
    provider.refusal = (status, headers)
    async with started() as client:
        response = await turn(client)
    assert (response.status_code, response.json()["method"]) == (200, "pattern")
    assert len(provider.sent) == calls
    assert KEY not in response.text

"""The chain's time: caps, deadline, cancellation, and the same from sync callers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from reference_app.context import REQUEST, RequestContext
from reference_app.contract import (
    Method,
)

GREETING = "Hi! How can you help me?"


async def hang(request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


def outcomes(classification: Any) -> list[tuple[str, str]]:
    return [(fallback.level.value, fallback.reason.value) for fallback in classification.fallbacks]


async def test_the_levels_caps_end_them_as_read_timeouts(kit: Any) -> None:
    """With budget left, a silent provider ends each level at its own cap, as `read_timeout`."""
    chain = kit.build(hang, conversation_level_s=0.1, structured_level_s=0.05)
    found = await chain.classifier.classify(GREETING, None)
    assert outcomes(found) == [("conversation_aware", "read_timeout"), ("structured_llm", "read_timeout")]
    assert found.fallbacks[0].elapsed_ms >= 100
    assert found.fallbacks[1].elapsed_ms >= 50


async def test_the_requests_deadline_ends_a_level_as_deadline(kit: Any) -> None:
    """Where the request's own budget is the shorter, the level that it ends and those after it say `deadline`."""
    sent: list[httpx.Request] = []

    async def silent(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return await hang(request)

    chain = kit.build(silent, breaker_failures=2, conversation_level_s=60.0, structured_level_s=60.0)
    chain.breaker.admit().failed()
    for budget_s in (0.15, 1.5, 15.0):  # until there is enough of it for the call to begin
        token = REQUEST.set(RequestContext(request_id="r", deadline=time.monotonic() + budget_s))
        try:
            found = await chain.classifier.classify(GREETING, None)
        finally:
            REQUEST.reset(token)
        assert outcomes(found) == [("conversation_aware", "deadline"), ("structured_llm", "deadline")]
        if sent:
            break
    assert len(sent) == 1, "the first level was ended, and the second not begun"
    assert chain.breaker.state == "closed"  # counted neither as a failure ...
    chain.breaker.admit().failed()
    assert chain.breaker.state == "open"  # ... nor as a success, which would have ended the count


async def test_a_dripping_provider_is_bounded_in_total(kit: Any) -> None:
    """A body whose every piece comes in time is still ended by the level's cap: the bound is on the whole."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    chain = kit.build(
        lambda request: httpx.Response(200, content=drip()), conversation_level_s=0.1, structured_level_s=0.1
    )
    assert [reason for _, reason in outcomes(await chain.classifier.classify(GREETING, None))] == [
        "read_timeout"
    ] * 2


async def test_a_past_deadline_starts_no_level(kit: Any) -> None:
    """With no time left nothing is sent, and the answer still comes."""
    calls: list[httpx.Request] = []
    chain = kit.build(calls.append)
    token = REQUEST.set(RequestContext(request_id="r", deadline=time.monotonic() - 1))
    try:
        found = await chain.classifier.classify(GREETING, None)
        facade = chain.classifier.classify_intent_with_state(GREETING, None)
    finally:
        REQUEST.reset(token)
    assert calls == []
    assert (
        outcomes(found)
        == outcomes(facade)
        == [
            ("conversation_aware", "deadline"),
            ("structured_llm", "deadline"),
        ]
    )


async def test_cancellation_aborts_the_call_and_counts_for_nothing(kit: Any) -> None:
    """A cancelled classification ends its provider call, logs no success, and is no failure of the provider."""
    entered, aborted = asyncio.Event(), asyncio.Event()

    async def provider(request: httpx.Request) -> httpx.Response:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            aborted.set()
        raise AssertionError

    chain = kit.build(provider, breaker_failures=1)
    task = asyncio.create_task(chain.classifier.classify(GREETING, None))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert aborted.is_set()
    assert chain.breaker.state == "closed"
    assert chain.log.records == []


async def test_a_cancelled_probe_lets_the_next_request_through(kit: Any) -> None:
    """A client that leaves during the half-open probe does not leave the circuit shut."""
    down, probing = True, asyncio.Event()

    async def provider(request: httpx.Request) -> httpx.Response:
        if down:
            return httpx.Response(500)
        probing.set()
        return await hang(request)

    chain = kit.build(provider, breaker_failures=1, breaker_open_s=0.01, breaker_lease_s=60.0)
    await chain.classifier.classify(GREETING, None)
    down = False
    await asyncio.sleep(0.02)  # real seconds of the breaker's clock: there is no event to wait for
    probe = asyncio.create_task(chain.classifier.classify(GREETING, None))
    await probing.wait()
    assert chain.breaker.admit() is None
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert chain.breaker.admit() is not None


class TestFacade:
    """The synchronous facade: the same answer with the same request id, from every kind of thread."""

    @pytest.fixture
    def chain(self, kit: Any) -> Any:
        self.ids: list[str | None] = []

        async def provider(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0)
            self.ids.append(request.headers.get("x-request-id"))
            return kit.healthy(request)

        return kit.build(provider)

    def test_from_a_thread_with_no_loop(self, chain: Any, request_in_hand: Any) -> None:
        """A plain script gets the conversation-aware answer, under the request's id."""
        found = chain.classifier.classify_intent_with_state(GREETING, None)
        assert found.method is Method.CONVERSATION_AWARE
        assert self.ids == ["req-42"]

    async def test_from_every_place_of_a_running_application(self, chain: Any, request_in_hand: Any) -> None:
        """Awaited, in a portal, in a worker thread and on the bare loop the answer is the same; only the last warns."""
        REQUEST.set(request_in_hand)
        chain.bridge.adopt()
        facade = chain.classifier.classify_intent_with_state
        answers = [
            await chain.classifier.classify(GREETING, None),
            await chain.bridge.portal(facade, GREETING, None),
            await chain.bridge.thread(facade, GREETING, None),
            await asyncio.to_thread(facade, GREETING, None),
        ]
        assert "bridge_blocked_loop" not in chain.log.events()
        answers.append(facade(GREETING, None))
        assert answers[1:] == answers[:1] * 4
        assert self.ids == ["req-42"] * 5
        assert chain.log.events().count("bridge_blocked_loop") == 1

    async def test_a_blocked_loop_still_gets_an_answer(self, kit: Any) -> None:
        """A facade whose time ends before the chain's gets the pattern level's answer, with both levels named."""
        chain = kit.build(hang, facade_s=0.05)
        found = chain.classifier.classify_intent_with_state(GREETING, None)
        assert found.method is Method.PATTERN
        assert [reason for _, reason in outcomes(found)] == ["deadline", "deadline"]
        assert chain.log.events().count("intent_classification_success") == 1

    def test_what_comes_before_the_time_is_named_before_it(self, kit: Any) -> None:
        """With no time left the facade says what `classify` says: no_provider, then circuit_open, then deadline."""
        without, broken, hurried = kit.build(None), kit.build(hang, breaker_failures=1), kit.build(hang)
        broken.breaker.admit().failed()
        token = REQUEST.set(RequestContext(request_id="r", deadline=time.monotonic() - 1))
        try:
            for chain, reason in ((without, "no_provider"), (broken, "circuit_open"), (hurried, "deadline")):
                awaited = asyncio.run(chain.classifier.classify(GREETING, None))
                found = chain.classifier.classify_intent_with_state(GREETING, None)
                assert [said for _, said in outcomes(found)] == [reason, reason]
                assert outcomes(awaited) == outcomes(found)
        finally:
            REQUEST.reset(token)

    def test_asking_for_the_reason_takes_no_probe_away(self, kit: Any) -> None:
        """A facade with no time leaves the half-open circuit's one probe to the next request."""
        chain = kit.build(hang, breaker_failures=1, breaker_open_s=0.001, breaker_lease_s=60.0)
        chain.breaker.admit().failed()
        time.sleep(0.01)  # real seconds of the breaker's clock: there is no event to wait for
        token = REQUEST.set(RequestContext(request_id="r", deadline=time.monotonic() - 1))
        try:
            found = chain.classifier.classify_intent_with_state(GREETING, None)
        finally:
            REQUEST.reset(token)
        assert [said for _, said in outcomes(found)] == ["deadline", "deadline"]
        assert chain.breaker.admit() is not None

"""The chain: which level answers, why another did not, within which time, and what is logged of it."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_app.classifier import Answer, IntentClassifier
from reference_app.contract import (
    ConversationIntent,
    ConversationState,
    FallbackReason,
    Method,
    UserIntent,
)
from reference_app.meanings import MEANINGS

GREETING = "Hi! How can you help me?"


async def hang(request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


def outcomes(classification: Any) -> list[tuple[str, str]]:
    return [(fallback.level.value, fallback.reason.value) for fallback in classification.fallbacks]


async def test_a_healthy_provider_answers_at_level_zero(kit: Any) -> None:
    """The incident's own input gets a conversation-aware answer with the provider's reply, and nothing degraded."""
    chain = kit.build(kit.healthy)
    found = await chain.classifier.classify(GREETING, None)
    assert (found.method, found.intent) == (Method.CONVERSATION_AWARE, UserIntent.CAPABILITIES_INQUIRY)
    assert (found.reply, found.confidence, found.fallbacks, found.degraded) == ("Gladly.", 0.95, (), False)
    assert chain.log.events() == [
        "conversation_aware_classification_success",
        "intent_classification_success",
    ]
    assert chain.metrics.calls == [("classified", "conversation_aware")]


async def test_the_same_message_after_another_history(kit: Any) -> None:
    """The same words after two histories get two intents, because the provider sees the history."""

    def provider(request: httpx.Request) -> httpx.Response:
        said = [m["content"] for m in json.loads(request.content)["messages"] if m["role"] == "user"]
        label = "complaint" if "It is broken" in said[:-1] else "request"
        return kit.completion({"intent": label, "confidence": 0.9, "reply": label})

    chain = kit.build(provider)
    angry = ConversationState(turns=(kit.turn(1, "It is broken"),))
    calm = ConversationState(turns=(kit.turn(1, "A slogan, please"),))
    after_anger = await chain.classifier.classify("Do it again", angry)
    after_calm = await chain.classifier.classify("Do it again", calm)
    assert (after_anger.intent, after_calm.intent) == (UserIntent.HELP_REQUEST, UserIntent.CONTENT_CREATION)
    assert (after_anger.reply, after_calm.reply) == ("complaint", "request")


async def test_only_level_zero_failing_means_level_one_answers(kit: Any) -> None:
    """With only the conversation-aware call failing the structured level answers, and says what failed."""

    def provider(request: httpx.Request) -> httpx.Response:
        return kit.healthy(request) if kit.is_structured(request) else httpx.Response(500)

    chain = kit.build(provider)
    found = await chain.classifier.classify(GREETING, None)
    assert (found.method, found.intent) == (Method.STRUCTURED_LLM, UserIntent.EMAIL_REQUEST)
    assert outcomes(found) == [("conversation_aware", "provider_error")]
    assert found.degraded
    assert found.reply.startswith("I can write that e-mail")
    assert chain.log.fields("conversation_aware_classification_failed")[0]["reason"] == "provider_error"
    assert chain.metrics.calls == [
        ("fell_back", "conversation_aware", "provider_error"),
        ("classified", "structured_llm"),
    ]


def reasons_in_order(kit: Any) -> list[tuple[FallbackReason, Any]]:
    good = {"intent": "question", "confidence": 0.9, "reply": "x"}
    return [
        (FallbackReason.CONNECT_FAILED, httpx.ConnectError("")),
        (FallbackReason.READ_TIMEOUT, httpx.ReadTimeout("")),
        (FallbackReason.POOL_TIMEOUT, httpx.PoolTimeout("")),
        (FallbackReason.RATE_LIMITED, httpx.Response(429)),
        (FallbackReason.QUOTA_EXHAUSTED, httpx.Response(429, json={"error": {"code": "insufficient_quota"}})),
        (FallbackReason.PROVIDER_ERROR, httpx.Response(500)),
        (FallbackReason.UNAUTHORIZED, httpx.Response(401)),
        (FallbackReason.BAD_REQUEST, httpx.Response(400)),
        (FallbackReason.INVALID_ENVELOPE, httpx.Response(200, text="<html>")),
        (FallbackReason.TRUNCATED, kit.completion(None, finish="length")),
        (FallbackReason.CONTENT_FILTERED, kit.completion(None, finish="content_filter")),
        (FallbackReason.REFUSED, kit.completion(None, refusal="No.")),
        (FallbackReason.INVALID_JSON, kit.completion("{")),
        (FallbackReason.SCHEMA_MISMATCH, kit.completion({"intent": "question"})),
        (FallbackReason.UNKNOWN_LABEL, kit.completion({**good, "intent": "dance"})),
        (FallbackReason.LOW_CONFIDENCE, kit.completion({**good, "confidence": 0.7})),
    ]


COUNTED = {"connect_failed", "read_timeout", "rate_limited", "quota_exhausted", "provider_error"}


async def test_every_reason_of_a_provider_is_reached(kit: Any) -> None:
    """Every reason of the closed set comes out of the whole chain, and the breaker counts exactly its five."""
    reached = []
    for reason, answer in reasons_in_order(kit):

        def provider(request: httpx.Request, answer: Any = answer) -> httpx.Response:
            if kit.is_structured(request):
                return kit.healthy(request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        chain = kit.build(provider, breaker_failures=1)
        found = await chain.classifier.classify(GREETING, None)
        assert found.fallbacks[0].reason is reason
        opened = chain.breaker.state == "open"
        assert opened == (reason.value in COUNTED), reason
        assert found.degraded == (reason.value not in {"content_filtered", "refused", "low_confidence"})
        reached.append(reason)
    rest = {FallbackReason.NO_PROVIDER, FallbackReason.CIRCUIT_OPEN, FallbackReason.DEADLINE}
    assert reached == [reason for reason in FallbackReason if reason not in rest]


async def test_without_a_provider(kit: Any) -> None:
    """With no provider both levels say so, no warning is written, and the pattern level answers."""
    chain = kit.build(None)
    found = await chain.classifier.classify(GREETING, None)
    assert found.method is Method.PATTERN
    assert found.degraded
    assert outcomes(found) == [("conversation_aware", "no_provider"), ("structured_llm", "no_provider")]
    assert [level for level, _, _ in chain.log.records] == ["info", "info"]


@pytest.mark.parametrize("message", ["", "  \n", "\N{NO-BREAK SPACE}"])
async def test_an_empty_message_is_invalid_without_a_call(kit: Any, message: str) -> None:
    """White space is `invalid` by the pattern level, with no level tried and no provider called."""
    chain = kit.build(hang)
    found = await chain.classifier.classify(message, None)
    assert (found.intent, found.method, found.fallbacks) == (UserIntent.INVALID, Method.PATTERN, ())
    assert not found.degraded


async def test_an_open_circuit_costs_no_call(kit: Any) -> None:
    """Once the breaker is open, no request reaches the provider, and both levels say `circuit_open`."""
    calls = 0

    def provider(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(500)

    chain = kit.build(provider, breaker_failures=2)
    await chain.classifier.classify(GREETING, None)
    found = await chain.classifier.classify(GREETING, None)
    assert calls == 2
    assert outcomes(found) == [("conversation_aware", "circuit_open"), ("structured_llm", "circuit_open")]


async def test_a_quota_that_is_used_up_opens_the_circuit(kit: Any) -> None:
    """`insufficient_quota` opens the circuit at the first call; a limit of rate counts as one failure of many."""
    body = {"error": {"code": "insufficient_quota"}}
    chain = kit.build(lambda request: httpx.Response(429, json=body), breaker_failures=5)
    found = await chain.classifier.classify(GREETING, None)
    assert outcomes(found) == [("conversation_aware", "quota_exhausted"), ("structured_llm", "circuit_open")]
    limited = kit.build(lambda request: httpx.Response(429), breaker_failures=5)
    await limited.classifier.classify(GREETING, None)
    assert (chain.breaker.state, limited.breaker.state) == ("open", "closed")


async def test_the_circuit_closes_on_a_good_answer_and_forgets_old_failures(kit: Any) -> None:
    """A good answer ends the count of failures, and as a probe it closes the circuit."""
    chain = kit.build(kit.healthy, breaker_failures=2, breaker_open_s=0.001)
    for _ in range(3):
        chain.breaker.admit().failed()
        await chain.classifier.classify(GREETING, None)
        assert chain.breaker.state == "closed"
    for _ in range(2):
        chain.breaker.admit().failed()
    await asyncio.sleep(0.002)  # real seconds of the breaker's clock: there is no event to wait for
    assert chain.breaker.state == "open"
    await chain.classifier.classify(GREETING, None)
    assert chain.breaker.state == "closed"


async def test_a_refusal_shows_that_the_provider_is_there(kit: Any) -> None:
    """An answer that is refused or misshapen ends the count of failures, for the provider was reached."""
    for answer in (kit.completion(None, refusal="No."), httpx.Response(200, text="<html>")):
        chain = kit.build(lambda request, answer=answer: answer, breaker_failures=2)
        for _ in range(3):
            chain.breaker.admit().failed()
            await chain.classifier.classify(GREETING, None)
        assert chain.breaker.state == "closed"


async def test_no_text_of_the_user_is_logged(kit: Any) -> None:
    """Neither message nor reply is in any record, at whichever level the answer comes."""
    for provider in (kit.healthy, lambda request: httpx.Response(500), None):
        chain = kit.build(provider)
        await chain.classifier.classify("canary@example.org wants help", None)
        assert "canary" not in repr(chain.log.records)
        assert "Gladly" not in repr(chain.log.records)
        assert chain.log.events().count("intent_classification_success") == 1
        success = chain.log.fields("intent_classification_success")[0]
        assert success.keys() == {"intent", "confidence", "method", "elapsed_ms"}


async def test_one_level_can_be_replaced(kit: Any) -> None:
    """A subclass that replaces one level is what the chain uses, so that a mistake can be planted in one place."""

    class Planted(IntentClassifier):
        def level_pattern(self, message: str, state: ConversationState) -> Answer:
            return Answer(intent=UserIntent.GREETING, confidence=1.0, reply="planted")

    chain = kit.build(None, Planted)
    assert (await chain.classifier.classify("report", None)).reply == "planted"


def test_every_label_has_a_meaning() -> None:
    """The table from the conversation-aware labels is total."""
    assert MEANINGS.keys() == set(ConversationIntent)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from(["healthy", "down", "odd"])
)
def test_any_text_is_classified_whatever_the_provider_does(kit: Any, message: str, mood: str) -> None:
    """Any Unicode over any provider gets an answer with a valid confidence and a reply, and never an error."""

    def provider(request: httpx.Request) -> httpx.Response:
        if mood == "odd":
            return httpx.Response(200, content=request.content)
        return kit.healthy(request) if mood == "healthy" else httpx.Response(503)

    found = asyncio.run(kit.build(provider).classifier.classify(message, None))
    assert 0 <= found.confidence <= 1
    assert found.reply
    assert (found.method is Method.CONVERSATION_AWARE) == (mood == "healthy" and bool(message.strip()))

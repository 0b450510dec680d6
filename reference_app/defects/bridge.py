"""Mistakes on the way from sync code into async code, as the emergency plan tells them, its own first fix included."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from reference_app.classifier import Answer, IntentClassifier, LevelOf
from reference_app.components import Components, make_classifier, make_client
from reference_app.contract import Classification, ConversationState, FallbackReason, Method
from reference_app.defects.catalog import Defect
from reference_app.defects.loops import SharedClient
from reference_app.provider import Attempt

T = TypeVar("T")

UNHURRIED_S = 30.0
"""The client's own limit where no deadline is passed on: what people leave at its default."""

RESULT_S = 10.0
"""How long the plan's first fix waits for its thread."""


class SkippingClassifier(IntentClassifier):
    """Sees a running loop, does not know how to call async code from there, and leaves the first level out."""

    def levels(self) -> tuple[LevelOf, ...]:
        """Every level but the conversation-aware one."""
        self._log.warning(
            "conversation_aware_classification_skipped",
            flags=("async_context_detected",),
            fallback="structured_llm",
        )
        return tuple(level for level in super().levels() if level.method is not Method.CONVERSATION_AWARE)


class SyncEntryClassifier(IntentClassifier):
    """Async routes go through the sync entry, which starts a loop of its own and swallows what comes of that."""

    async def classify(self, message: str, state: ConversationState | None) -> Classification:
        """Call the sync entry, on the loop's own thread."""
        return self.classify_intent_with_state(message, state)

    def classify_intent_with_state(self, message: str, state: ConversationState | None) -> Classification:
        """Run the chain on a new loop; under a running one that raises, and the coroutine is never awaited."""
        started = time.monotonic()
        try:
            return asyncio.run(super().classify(message, state))
        except Exception as error:  # noqa: BLE001  # the mistake: whatever went wrong, nobody is told by the answer
            self._log.warning(
                "conversation_aware_classification_failed", error=str(error), fallback="pattern_based"
            )
        answer = self.level_pattern(message, state or ConversationState())
        return self.answered(Method.PATTERN, answer, [], started, started)


class ThreadPerCallClassifier(IntentClassifier):
    """The plan's first fix: a thread, an executor and a loop for every call, waited for on the calling thread."""

    async def classify(self, message: str, state: ConversationState | None) -> Classification:
        """Call the sync entry, on the loop's own thread."""
        return self.classify_intent_with_state(message, state)

    def classify_intent_with_state(self, message: str, state: ConversationState | None) -> Classification:
        """Level by level, each in a thread of its own; any failure goes on to the next level."""
        started = time.monotonic()
        state = state or ConversationState()
        for level in self.levels() if message.strip() else ():
            try:
                answer = self._called(partial(self._level, level, message, state))
                self.accept(answer)
            except Exception as error:  # noqa: BLE001  # the mistake, as the plan writes it
                self._log.error(
                    "conversation_aware_classification_failed_completely",
                    error=str(error),
                    fallback=Method.STRUCTURED_LLM.value,
                )
            else:
                return self.answered(level.method, answer, [], started, started)
        return self.answered(Method.PATTERN, self.level_pattern(message, state), [], started, started)

    def _called(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine from sync code: by a thread under a running loop, by `asyncio.run` elsewhere."""
        try:
            asyncio.get_running_loop()
            # Leaving the executor joins its thread, so the timeout ends nothing.
            with ThreadPoolExecutor() as executor:
                return executor.submit(_on_new_loop, make).result(timeout=RESULT_S)
        except RuntimeError:
            # Meant for "no running loop"; takes every other RuntimeError for it too.
            return asyncio.run(make())

    async def _level(self, level: LevelOf, message: str, state: ConversationState) -> Answer:
        """One level without the deadline of the request, which did not come along."""
        assert self._client is not None
        ends_at = time.monotonic() + UNHURRIED_S
        attempt = Attempt(ends_at=ends_at, cap_s=UNHURRIED_S, reason=FallbackReason.READ_TIMEOUT)
        return await level.ask(self._client, message, state, attempt)


def _on_new_loop(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a loop that exists for this call only."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(make())
    finally:
        loop.close()


def _skip(components: Components) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=SkippingClassifier))


def _sync_entry(components: Components) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=SyncEntryClassifier))


def _thread_per_call(components: Components) -> Components:
    """Two parts: the client that the loops share raises a RuntimeError, which the plan's fix takes for another one."""
    classifier = partial(make_classifier, kind=ThreadPerCallClassifier)
    return replace(components, classifier=classifier, client=partial(make_client, kind=SharedClient))


DEFECTS = (
    Defect(
        name="async_context_skip",
        incident_class="C01",
        sources=("emergency plan, incident 1", "run-llama/llama_index#17349"),
        summary="sees a running loop, logs that the conversation-aware level is skipped, and answers from the next one",
        reasons=("degradation.explained",),
        apply=_skip,
    ),
    Defect(
        name="sync_called_from_loop",
        incident_class="C01",
        sources=("emergency plan, incident 3", "microsoft/autogen#2673", "crewAIInc/crewAI#6978"),
        summary="the async route calls the sync entry, which runs a new loop under the running one; the error is swallowed",
        reasons=("degradation.explained", "logs.no_forbidden_text"),
        apply=_sync_entry,
    ),
    Defect(
        name="thread_per_call_bridge",
        incident_class="C02",
        sources=("emergency plan, fix 1", "run-llama/llama_index#20286", "langchain-ai/langgraph#7857"),
        summary="the plan's first fix: a thread and a loop for each call, waited for ten seconds on the loop's own thread",
        reasons=(
            "liveness.loop_responsive",
            "outcome.answered_within_deadline",
            "degradation.provider_call_named",
            "liveness.provider_call_released",
        ),
        apply=_thread_per_call,
    ),
)

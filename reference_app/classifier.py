"""The chain: three levels, one absolute deadline, and an answer for every input whatever the provider does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reference_app import patterns
from reference_app.breaker import CircuitBreaker, Permit
from reference_app.bridge import Bridge, BridgeTimeout
from reference_app.context import REQUEST
from reference_app.contract import (
    ANSWERS_NOT_FAULTS,
    CONFIDENCE_MIN,
    Classification,
    ConversationIntent,
    ConversationState,
    Fallback,
    FallbackReason,
    Method,
    UserIntent,
    confidence_is_valid,
)
from reference_app.failures import LevelFailed
from reference_app.logger import Logger
from reference_app.meanings import user_intent
from reference_app.observability import Metrics
from reference_app.problems import Problem
from reference_app.provider import Attempt, ProviderClient
from reference_app.provider_stream import Listener
from reference_app.settings import Settings

ATTEMPT_S_MIN = 0.01
"""A level is not started with less time than this: its answer could not come."""

COUNTED = frozenset(
    {
        FallbackReason.CONNECT_FAILED,
        FallbackReason.READ_TIMEOUT,
        FallbackReason.RATE_LIMITED,
        FallbackReason.QUOTA_EXHAUSTED,
        FallbackReason.PROVIDER_ERROR,
    }
)
"""What the circuit breaker counts as a failure of the provider; `quota_exhausted` opens it at once, for it stays."""

UNCOUNTED = frozenset({FallbackReason.DEADLINE, FallbackReason.POOL_TIMEOUT})
"""What says nothing of the provider: our own budget or pool ran out. All other reasons are its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a level answers, before the chain accepts it; `confidence` may be any number."""

    intent: UserIntent
    confidence: float
    reply: str


Level = Callable[[ProviderClient, str, ConversationState, Attempt], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class LevelOf:
    """A level of the chain before the patterns: its name, how it is asked, and the most that it may take."""

    method: Method
    ask: Level
    cap_s: float


class IntentClassifier:
    """Classifies a message: `classify` for async callers, `classify_intent_with_state` for the others.

    Without a `client` the pattern level answers alone, and says `no_provider`. Each level, the acceptance and
    `classify` itself are methods that a subclass may replace.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        client: ProviderClient | None,
        breaker: CircuitBreaker,
        bridge: Bridge,
        log: Logger,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._client = client
        self._breaker = breaker
        self._bridge = bridge
        self._log = log
        self._metrics = metrics

    async def classify(self, message: str, state: ConversationState | None) -> Classification:
        """The intent of any text, within the deadline of the request in hand (or `deadline_s`, outside of one).

        `fallbacks` lists each level that was tried and did not answer. Raises cancellation, and what is a bug of ours, never a failure of the provider. Each
        classification logs `intent_classification_success` here, also one whose turn is not committed afterwards.
        """
        started = time.monotonic()
        state = state or ConversationState()
        fallbacks: list[Fallback] = []
        if message.strip():
            deadline = self._deadline(started)
            for level in self.levels():
                begun = time.monotonic()
                try:
                    answer = await self.attempt(
                        level.ask, message, state, self._budget(deadline, level.cap_s)
                    )
                    self.accept(answer)
                except LevelFailed as failure:
                    fallbacks.append(self._fell_back(level.method, failure.reason, begun))
                    _check_nothing_shown(fallbacks)
                else:
                    return self.answered(level.method, answer, fallbacks, started, begun)
        return self.answered(
            Method.PATTERN, self.level_pattern(message, state), fallbacks, started, time.monotonic()
        )

    def classify_intent_with_state(self, message: str, state: ConversationState | None) -> Classification:
        """The same for callers that have no `await`, from any thread, bounded by `facade_s` and the deadline.

        On a running loop's own thread it runs in the bridge's portal where there is one; outside of a portal
        the loop is blocked meanwhile, and the bridge warns of that.
        """
        started = time.monotonic()
        left_s = min(self._settings.facade_s, self._deadline(started) - started)
        if left_s > 0:
            try:
                return self._bridge.run(self.classify, message, state, timeout=left_s, when_on_loop="block")
            except BridgeTimeout:
                # Only a loop that is blocked gets here: `classify` itself ends before its deadline.
                pass
        fallbacks = [
            self._fell_back(level.method, self._unasked(), started)
            for level in (self.levels() if message.strip() else ())
        ]
        answer = self.level_pattern(message, state or ConversationState())
        return self.answered(Method.PATTERN, answer, fallbacks, started, started)

    def levels(self) -> tuple[LevelOf, ...]:
        """The levels before the patterns, in the order in which they are tried."""
        settings = self._settings
        return (
            LevelOf(Method.CONVERSATION_AWARE, self.level_conversation, settings.conversation_level_s),
            LevelOf(Method.STRUCTURED_LLM, self.level_structured, settings.structured_level_s),
        )

    async def attempt(self, level: Level, message: str, state: ConversationState, budget: Attempt) -> Answer:
        """One level under its time and the circuit breaker; raises `LevelFailed`."""
        client, permit = self._admitted()
        with permit:
            left_s = budget.left_s()
            if left_s < ATTEMPT_S_MIN:
                raise LevelFailed(FallbackReason.DEADLINE)
            reason = budget.reason
            try:
                async with self.bound(left_s):
                    answer = await level(client, message, state, budget)
                permit.succeeded()
            except LevelFailed as failure:
                reason = failure.reason
            except TimeoutError:
                pass
            else:
                return answer
            if reason in COUNTED:
                permit.failed(opens=reason is FallbackReason.QUOTA_EXHAUSTED)
            elif reason not in UNCOUNTED:
                permit.succeeded()
            raise LevelFailed(reason)

    def bound(self, left_s: float) -> asyncio.Timeout:
        """What ends a whole level in time: a read timeout is per read, and a drip would outlast any of them."""
        return asyncio.timeout(left_s)

    async def level_conversation(
        self, client: ProviderClient, message: str, state: ConversationState, budget: Attempt
    ) -> Answer:
        """Level 0: the message in its conversation; intent and reply come in one answer."""
        said = await client.converse(message, state.turns, budget, self.listener(message, state))
        intent = user_intent(said.label, message, state)
        return Answer(intent=intent, confidence=said.confidence, reply=said.reply)

    async def level_structured(
        self, client: ProviderClient, message: str, state: ConversationState, budget: Attempt
    ) -> Answer:
        """Level 1: the message alone, under a strict schema; the reply is from the table."""
        said = await client.structure(message, budget)
        reply = patterns.reply_for(said.intent, state.phase)
        return Answer(intent=said.intent, confidence=said.confidence, reply=reply)

    def level_pattern(self, message: str, state: ConversationState) -> Answer:
        """Level 2: the patterns, which answer always."""
        found = patterns.classify(message, state.phase)
        reply = patterns.reply_for(found.intent, state.phase)
        return Answer(intent=found.intent, confidence=found.confidence, reply=reply)

    def accept(self, answer: Answer) -> None:
        """Take an answer of level 0 or 1, or raise `LevelFailed`: NaN and out of range are low confidence too."""
        if not confidence_is_valid(answer.confidence) or answer.confidence <= CONFIDENCE_MIN:
            raise LevelFailed(FallbackReason.LOW_CONFIDENCE)

    def listener(self, message: str, state: ConversationState) -> Listener | None:
        """Who hears the reply of level 0 while it comes, or None; nothing that is not accepted is told."""
        request = REQUEST.get()
        if request is None or request.outlet is None or not request.outlet.listens:
            return None

        def accepts(label: ConversationIntent, confidence: float) -> bool:
            intent = user_intent(label, message, state)
            try:
                self.accept(Answer(intent=intent, confidence=confidence, reply=""))
            except LevelFailed:
                return False
            return True

        return Listener(accepts, request.outlet.show)

    def _admitted(self) -> tuple[ProviderClient, Permit]:
        """Leave to ask the provider; raises `LevelFailed` where there is none, or where the circuit is open."""
        if self._client is None:
            raise LevelFailed(FallbackReason.NO_PROVIDER)
        permit = self._breaker.admit()
        if permit is None:
            raise LevelFailed(FallbackReason.CIRCUIT_OPEN)
        return self._client, permit

    def _unasked(self) -> FallbackReason:
        """Why a level is not asked that there is no time for: the time comes last."""
        try:
            with self._admitted()[1]:
                return FallbackReason.DEADLINE
        except LevelFailed as failure:
            return failure.reason

    def _deadline(self, now: float) -> float:
        request = REQUEST.get()
        return now + self._settings.deadline_s if request is None else request.deadline

    def _budget(self, deadline: float, cap_s: float) -> Attempt:
        """The level's cap, or what is left of the deadline less the reserve, whichever ends first."""
        capped = time.monotonic() + cap_s
        budgeted = deadline - self._settings.reserve_s
        if capped <= budgeted:
            return Attempt(ends_at=capped, cap_s=cap_s, reason=FallbackReason.READ_TIMEOUT)
        return Attempt(ends_at=budgeted, cap_s=cap_s, reason=FallbackReason.DEADLINE)

    def _fell_back(self, level: Method, reason: FallbackReason, begun: float) -> Fallback:
        elapsed_ms = _ms_since(begun)
        self._metrics.fell_back(level, reason)
        if level is Method.CONVERSATION_AWARE:
            honest = reason in ANSWERS_NOT_FAULTS or reason is FallbackReason.NO_PROVIDER
            log = self._log.info if honest else self._log.warning
            log("conversation_aware_classification_failed", reason=reason.value, elapsed_ms=elapsed_ms)
        return Fallback(level=level, reason=reason, elapsed_ms=elapsed_ms)

    def answered(
        self, method: Method, answer: Answer, fallbacks: list[Fallback], started: float, begun: float
    ) -> Classification:
        """Log and count who answered, and put the answer together; both times are of `time.monotonic()`."""
        if method is Method.CONVERSATION_AWARE:
            self._log.info("conversation_aware_classification_success", elapsed_ms=_ms_since(begun))
        self._metrics.classified(method)
        self._log.info(
            "intent_classification_success",
            intent=answer.intent.value,
            confidence=answer.confidence,
            method=method.value,
            elapsed_ms=_ms_since(started),
        )
        return Classification(
            intent=answer.intent,
            confidence=answer.confidence,
            method=method,
            reply=answer.reply,
            fallbacks=tuple(fallbacks),
        )


def _check_nothing_shown(fallbacks: list[Fallback]) -> None:
    """Raise where the client has read a part of the reply that broke off: no other level can take that back."""
    request = REQUEST.get()
    if request is not None and request.shown:
        request.degraded = True
        request.fallbacks = tuple(f"{fallback.level}:{fallback.reason}" for fallback in fallbacks)
        errors = [{"level": fallback.level, "reason": fallback.reason} for fallback in fallbacks]
        raise Problem(502, "the provider's answer broke off", errors=errors)


def _ms_since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 3)

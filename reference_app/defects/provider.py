"""Mistakes in how a provider is asked: for how long, how often, by whose fault, and what is said when it fails."""

import asyncio
import random
import time
from dataclasses import replace
from functools import partial
from types import TracebackType

import httpx

from reference_app.bodies import limited
from reference_app.breaker import CircuitBreaker, Permit
from reference_app.classifier import IntentClassifier
from reference_app.components import Components, Parts, make_breaker, make_classifier, make_client
from reference_app.contract import FallbackReason
from reference_app.defects.catalog import Defect
from reference_app.failures import LevelFailed, Retryable
from reference_app.logger import Logger
from reference_app.problems import Problem
from reference_app.provider import Attempt, ProviderClient, Read

TRIES = 3
"""How often a client is called that tries twice by itself."""

BACKOFF_S = (0.02, 0.06)

UNAUTHORIZED = 401


class UnboundClassifier(IntentClassifier):
    """Trusts in the client's read timeout, which begins anew with every byte."""

    def bound(self, left_s: float) -> asyncio.Timeout:  # noqa: ARG002  # the mistake
        """Nothing around the level."""
        return asyncio.timeout(None)


class GenerousClassifier(IntentClassifier):
    """Gives each level the timeout that was promised for all of them."""

    def _budget(self, deadline: float, cap_s: float) -> Attempt:  # noqa: ARG002  # the mistake
        whole_s = self._settings.deadline_s
        ends_at = time.monotonic() + whole_s
        return Attempt(ends_at=ends_at, cap_s=whole_s, reason=FallbackReason.READ_TIMEOUT)


class MillisecondClassifier(IntentClassifier):
    """Keeps its times in milliseconds, and passes them on to what takes seconds."""

    def _budget(self, deadline: float, cap_s: float) -> Attempt:
        now = time.monotonic()
        left_s = deadline - self._settings.reserve_s - now
        timeout_ms = 1000 * min(cap_s, left_s)
        return Attempt(ends_at=now + timeout_ms, cap_s=timeout_ms, reason=FallbackReason.READ_TIMEOUT)


class InsistentClient(ProviderClient):
    """Tries again what has tried again already."""

    async def _complete(self, body: bytes, attempt: Attempt, read: Read = limited) -> bytes:
        """Every layer does as it was told in its own documentation; nobody has multiplied them."""
        for _ in range(TRIES - 1):
            try:
                return await super()._complete(body, attempt, read)
            except Retryable:
                await self._sleep(random.uniform(*BACKOFF_S))
        return await super()._complete(body, attempt, read)


class ObedientClient(ProviderClient):
    """Bounds each call, and waits between them for as long as it is told to: one layer that retries, and no other."""

    async def _complete(self, body: bytes, attempt: Attempt, read: Read = limited) -> bytes:
        try:
            return await self._bounded(body, attempt, read)
        except Retryable as failure:
            after_s = failure.after_s
        await self._sleep(after_s)
        return await self._bounded(body, attempt, read)

    async def _bounded(self, body: bytes, attempt: Attempt, read: Read) -> bytes:
        """One call, with as much time as if it were the first."""
        ends_at = time.monotonic() + attempt.cap_s
        try:
            async with asyncio.timeout(attempt.cap_s):
                return await self._post(body, replace(attempt, ends_at=ends_at), read)
        except TimeoutError:
            raise LevelFailed(FallbackReason.READ_TIMEOUT) from None


class StrictPermit(Permit):
    """Whatever leaves its block as an exception is a failure of the provider."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count it, a cancellation too."""
        if kind is not None:
            self.failed()
        super().__exit__(kind, error, trace)


class StrictBreaker(CircuitBreaker):
    """Counts the clients that leave against the provider."""

    def admit(self) -> Permit | None:
        """A permit that believes every exception."""
        permit = super().admit()
        return None if permit is None else StrictPermit(self, self._era)


class TellingClient(ProviderClient):
    """Tells of a call that was refused whatever may help to see why."""

    log: Logger

    def _judged(self, response: httpx.Response, content: bytes) -> bytes:
        if response.status_code == UNAUTHORIZED:
            headers = {name.decode(): value.decode() for name, value in self._headers}
            error = f"{response.status_code} from {self._url}, headers {headers}"
            self.log.error("provider_call_failed", error=error)
            raise Problem(503, error)
        return super()._judged(response, content)


def _client(components: Components, kind: type[ProviderClient]) -> Components:
    return replace(components, client=partial(make_client, kind=kind))


def _classifier(components: Components, kind: type[IntentClassifier]) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=kind))


def _obedient(components: Components) -> Components:
    """Two parts: what bounds a whole level is the classifier's, and would end the wait however long the client means it."""
    return _classifier(_client(components, ObedientClient), UnboundClassifier)


def _strict(components: Components) -> Components:
    return replace(components, breaker=partial(make_breaker, kind=StrictBreaker))


def _telling(components: Components) -> Components:
    def client(parts: Parts) -> ProviderClient | None:
        made = make_client(parts, kind=TellingClient)
        if isinstance(made, TellingClient):
            made.log = parts.observability.logger("provider_client")
        return made

    return replace(components, client=client)


DEFECTS = (
    Defect(
        name="per_read_timeout_only",
        incident_class="C08",
        sources=("openai/openai-node#1825",),
        summary="a read timeout is all that ends a level, and it begins anew with every byte that drips in",
        reasons=("outcome.answered_within_deadline", "liveness.provider_call_released"),
        apply=partial(_classifier, kind=UnboundClassifier),
    ),
    Defect(
        name="timeouts_add_up",
        incident_class="C08",
        sources=("openai/openai-python#3828",),
        summary="each level has the time that was promised for all of them together",
        reasons=("outcome.answered_within_deadline",),
        apply=partial(_classifier, kind=GenerousClassifier),
    ),
    Defect(
        name="nested_retries",
        incident_class="C16",
        sources=("mpfaffenberger/code_puppy#317", "caura-ai/caura#859", "BerriAI/litellm#2620"),
        summary="a layer that tries three times calls a layer that tries twice, for each level: twelve calls for one turn",
        reasons=("degradation.retry_budget",),
        apply=partial(_client, kind=InsistentClient),
    ),
    Defect(
        name="retry_after_past_deadline",
        incident_class="C16",
        sources=("earendil-works/pi#6911",),
        summary="each call has its timeout, and the wait between two of them lasts as long as Retry-After says",
        reasons=("outcome.answered_within_deadline",),
        apply=_obedient,
    ),
    Defect(
        name="breaker_counts_cancel",
        incident_class="C16",
        sources=("diegosouzapw/OmniRoute#7908", "microsoft/agent-governance-toolkit#2202"),
        summary="clients that leave are counted as failures of the provider, until nobody is allowed to ask it",
        reasons=("degradation.leavers_harm_nobody",),
        apply=_strict,
    ),
    Defect(
        name="timeout_in_milliseconds",
        incident_class="C23",
        sources=("fustom/python-ariston-api#178", "BerriAI/litellm#6339"),
        summary="a timeout is kept in milliseconds and passed on to what takes seconds",
        reasons=(
            "clock.unit.deadline_read",
            "outcome.answered_within_deadline",
            "liveness.provider_call_released",
        ),
        apply=partial(_classifier, kind=MillisecondClassifier),
    ),
    Defect(
        name="secret_in_error",
        incident_class="C22",
        sources=("BerriAI/litellm#8075", "HolmesGPT/holmesgpt#2010"),
        summary="the error of a refused call holds its headers, the key among them, in the log and in the answer",
        reasons=(
            "provider.secret_kept",
            "outcome.provider_key_kept",
            "logs.provider_key_kept",
            "logs.no_forbidden_text",
        ),
        apply=_telling,
    ),
)

"""Mistakes in what is taken from the provider for an answer, and in what is said of who gave it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import orjson

from reference_app.bodies import limited
from reference_app.classifier import Answer, IntentClassifier
from reference_app.components import Components, make_classifier, make_client
from reference_app.contract import CONFIDENCE_MIN, Classification, Fallback, FallbackReason, Method
from reference_app.defects.catalog import Defect
from reference_app.failures import LevelFailed
from reference_app.provider import Attempt, ProviderClient, Read
from reference_app.provider_stream import Listener, StreamedAnswer


class UnnamedClassifier(IntentClassifier):
    """Answers under the name of the level that was asked first, whichever it was that answered."""

    def answered(
        self,
        method: Method,  # noqa: ARG002  # the mistake: who answered is not asked
        answer: Answer,
        fallbacks: list[Fallback],  # noqa: ARG002  # nor who did not
        started: float,
        begun: float,
    ) -> Classification:
        """Put the answer together as if nothing had been in its way."""
        return super().answered(Method.CONVERSATION_AWARE, answer, [], started, begun)


class TrustingClassifier(IntentClassifier):
    """Takes the model's word for its confidence."""

    def accept(self, answer: Answer) -> None:
        """Refuse what is too low: NaN compares as false with everything, and nothing is too high."""
        if answer.confidence <= CONFIDENCE_MIN:
            raise LevelFailed(FallbackReason.LOW_CONFIDENCE)


def _unnamed(components: Components) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=UnnamedClassifier))


def _trusting(components: Components) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=TrustingClassifier))


class UnendingClient(ProviderClient):
    """Reads what the model wrote and not why it stopped."""

    async def _complete(self, body: bytes, attempt: Attempt, read: Read = limited) -> bytes:
        """The completion, taken as one that came to its end."""
        return _ended(await super()._complete(body, attempt, read))


class ClosedAnswer(StreamedAnswer):
    """Takes the end of the body for the end of the answer, and closes what is still open in it, as a forgiving parser does."""

    async def _ended(self, pieces: AsyncIterator[bytes]) -> bool:
        """Read to the end, whichever it is."""
        if not await super()._ended(pieces):
            self._content.append(_closing("".join(self._content)))
            self._finish = self._finish or "stop"
        return True


class CleanEndClient(ProviderClient):
    """Looks for no `[DONE]`: a stream that has ended without an error has ended well."""

    def streamed(self, listener: Listener) -> StreamedAnswer:
        """What reads a stream to whatever end it has."""
        return ClosedAnswer(listener)


def _closing(text: str) -> str:
    """What a JSON object lacks that was cut within its last text; nothing where it is whole."""
    try:
        json.loads(text)
    except ValueError:
        return '"}'
    return ""


def _ended(body: bytes) -> bytes:
    """A completion as who never looks at `finish_reason` sees it; what is none is left as it is."""
    try:
        completion = orjson.loads(body)
        completion["choices"][0]["finish_reason"] = "stop"
    except (ValueError, LookupError, TypeError):
        return body
    return orjson.dumps(completion)


def _clean_end(components: Components) -> Components:
    return replace(components, client=partial(make_client, kind=CleanEndClient))


def _unending(components: Components) -> Components:
    return replace(components, client=partial(make_client, kind=UnendingClient))


DEFECTS = (
    Defect(
        name="fallback_unnamed",
        incident_class="C17",
        sources=("BerriAI/litellm#28241", "BerriAI/litellm#16752"),
        summary="the reply and the log name the level that was asked first, although a lower one answered",
        reasons=("provider.server_error.never_taken", "degradation.not_by_primary"),
        apply=_unnamed,
    ),
    Defect(
        name="unvalidated_confidence",
        incident_class="C18",
        sources=("fastapi/fastapi#459", "pydantic/pydantic#3994"),
        summary="a confidence that is no number from 0 to 1 is compared with the threshold and passes it",
        reasons=("outcome.confidence_in_range", "degradation.not_by_primary"),
        apply=_trusting,
    ),
    Defect(
        name="truncated_json_accepted",
        incident_class="C18",
        sources=("mastra-ai/mastra#24442", "apache/flink-agents#1040"),
        summary="`finish_reason` is not read: an answer that ran out of tokens is taken where its JSON happens to be whole",
        reasons=("provider.finish_length.never_taken", "degradation.not_by_primary"),
        apply=_unending,
    ),
    Defect(
        name="clean_eof_is_done",
        incident_class="C19",
        sources=("Portkey-AI/gateway#1797", "tashfeenahmed/freellmapi#1221"),
        summary="a stream that ends without `[DONE]` and without an error is complete: half of a reply is given out as the whole",
        reasons=(
            "provider.stream_cut.never_taken",
            "provider.stream_cut.never_whole",
            "degradation.not_by_primary",
        ),
        apply=_clean_end,
    ),
)

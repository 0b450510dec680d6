"""Mistakes in how the log is written, and in what of a message goes into it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from reference_app.classifier import IntentClassifier
from reference_app.components import Components, make_classifier
from reference_app.contract import Classification, ConversationState
from reference_app.defects.catalog import Defect
from reference_app.observability import Observability
from reference_app.sink import Sink

SHOWN_CHARACTERS = 50


class DirectSink(Sink):
    """Writes where a line is logged, which is the loop's own thread, and waits there for whoever should read it."""

    def _open(self) -> None:
        """Open the stream, and put nobody between."""
        try:
            self._stream = self._opened()
        except (OSError, ValueError):
            return


class PrintingSink(DirectSink):
    """Writes as an unbuffered `print` does: the record at once, and then, by another write, the end of its line."""

    def write(self, line: bytes) -> int:
        """Write a line in two parts."""
        super().write(line.removesuffix(b"\n"))
        super().write(b"\n")
        return len(line)


class DirectObservability(Observability):
    """Has its lines written at once, by whoever logs them."""

    def sink(self, opened: Callable[[], BinaryIO]) -> Sink:
        """A sink without a thread of its own."""
        return DirectSink(opened, self.metrics.log_failures.inc)


class PrintingObservability(Observability):
    """Prints its lines."""

    def sink(self, opened: Callable[[], BinaryIO]) -> Sink:
        """A sink that prints."""
        return PrintingSink(opened, self.metrics.log_failures.inc)


class QuotingClassifier(IntentClassifier):
    """Logs how each message begins, so that one can see later what was classified."""

    async def classify(self, message: str, state: ConversationState | None) -> Classification:
        """Classify, and say of what."""
        found = await super().classify(message, state)
        self._log.info(
            "intent_classification_result", user_input=message[:SHOWN_CHARACTERS], intent=found.intent.value
        )
        return found


def _printing(components: Components) -> Components:
    return replace(components, observability=lambda parts: PrintingObservability(parts.settings))


def _direct(components: Components) -> Components:
    return replace(components, observability=lambda parts: DirectObservability(parts.settings))


def _quoting(components: Components) -> Components:
    return replace(components, classifier=partial(make_classifier, kind=QuotingClassifier))


DEFECTS = (
    Defect(
        name="log_lines_torn",
        incident_class="C21",
        sources=("b2wdigital/aiologger#79", "userver-framework/userver#1217"),
        summary="a record and the end of its line are two writes: whoever else writes to the same output comes in between",
        reasons=("logs.rotation.whole_lines", "logs.agree_with_wire"),
        apply=_printing,
    ),
    Defect(
        name="log_pipe_blocks_loop",
        incident_class="C21",
        sources=("Agent-Field/agentfield#985",),
        summary="log lines are written on the loop's own thread: when nobody reads the pipe, nothing else goes on either",
        reasons=("liveness.loop_responsive", "outcome.answered_within_deadline"),
        apply=_direct,
    ),
    Defect(
        name="message_text_logged",
        incident_class="C22",
        sources=("emergency plan, fix 1", "jenkinsci/resources-ai-chatbot-plugin#198"),
        summary="how each message begins is logged with its intent: what users say to the service is in every copy of the log",
        reasons=("logs.message_text_private",),
        apply=_quoting,
    ),
)

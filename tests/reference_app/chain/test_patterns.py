"""The pattern level: total, linear, and sensible on what people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_app import patterns
from reference_app.contract import UserIntent, WorkflowPhase

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=400)
PHASES = st.sampled_from(WorkflowPhase)


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("Hi! How can you help me?", UserIntent.CAPABILITIES_INQUIRY),
        ("Hello there", UserIntent.GREETING),
        ("hello, help me write an e-mail to the team", UserIntent.EMAIL_REQUEST),
        ("Can you help me?", UserIntent.HELP_REQUEST),
        ("Announce the organisational change to all", UserIntent.OCM_COMMUNICATION),
        ("Please put a report together", UserIntent.DOCUMENT_GENERATION),
        ("ANALYSE this data set", UserIntent.DATA_ANALYSIS),
        ("Write a slogan", UserIntent.CONTENT_CREATION),
        ("Where are the bottlenecks?", UserIntent.PROCESS_OPTIMIZATION),
        ("What   can\nyou do", UserIntent.CAPABILITIES_INQUIRY),
        ("asdf qwer", UserIntent.UNCLEAR),
        ("\N{PILE OF POO}", UserIntent.UNCLEAR),
        ("", UserIntent.INVALID),
        (" \t\n\N{NO-BREAK SPACE}", UserIntent.INVALID),
    ],
)
def test_what_people_write(message: str, intent: UserIntent) -> None:
    """Each kind of message, the incident's own input included, gets the intent that a reader would give it."""
    assert patterns.classify(message, WorkflowPhase.INITIALIZATION).intent is intent


def test_a_yes_means_what_the_phase_waits_for() -> None:
    """A bare agreement is unclear at the start, and the work in hand where a plan waits for it."""
    assert patterns.classify("Yes, please", WorkflowPhase.REVIEW).intent is UserIntent.UNCLEAR
    assert patterns.classify("Go ahead!", WorkflowPhase.INITIALIZATION).intent is UserIntent.UNCLEAR
    assert (
        patterns.classify("Go ahead!", WorkflowPhase.STRATEGY_CONFIRMATION).intent
        is UserIntent.CONTENT_CREATION
    )
    assert patterns.classify("ok", WorkflowPhase.DELIVERY).intent is UserIntent.DOCUMENT_GENERATION


@given(ANY_TEXT, PHASES)
def test_any_text_has_an_intent(message: str, phase: WorkflowPhase) -> None:
    """Any Unicode, lone surrogates included, is classified without an error; only white space is invalid."""
    found = patterns.classify(message, phase)
    assert 0 <= found.confidence <= 1
    assert (found.intent is UserIntent.INVALID) == (not message.strip())
    assert patterns.reply_for(found.intent, phase)


@given(ANY_TEXT, PHASES, st.text(" \t\n", max_size=5))
def test_white_space_around_does_not_matter(message: str, phase: WorkflowPhase, space: str) -> None:
    """White space around a message never changes its intent."""
    assert patterns.classify(space + message + space, phase) == patterns.classify(message, phase)


@pytest.mark.parametrize(
    "piece", ["how can you ", "what are you ", "data ", "good ", "e-", "yes ", " ", "go ahead"]
)
def test_long_near_misses_end(piece: str) -> None:
    """A long text of almost-matches ends: no expression backtracks over what it has read (a hang otherwise)."""
    patterns.classify(piece * 100_000 + "!", WorkflowPhase.REVIEW)


def test_every_intent_and_phase_has_its_reply() -> None:
    """The reply table has no hole, and no two cells of it are the same constant."""
    replies = {patterns.reply_for(intent, phase) for intent in UserIntent for phase in WorkflowPhase}
    assert len(replies) == len(UserIntent) * len(WorkflowPhase)

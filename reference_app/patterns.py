"""The pattern level: a total classifier of any text, and the replies of the levels that write none.

Every expression is a plain alternation of words over text with single spaces, so matching is linear in the text.
"""

import re
from typing import NamedTuple

from reference_app.contract import UserIntent, WorkflowPhase

MATCHED_CONFIDENCE = 0.85
UNMATCHED_CONFIDENCE = 0.3


class PatternMatch(NamedTuple):
    """What the patterns say of a text; `confidence` is 0 to 1."""

    intent: UserIntent
    confidence: float


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b")


# In order: the first rule that matches decides. What the user wants done stands before how it is asked, so
# that "hello, help me write an email" is about an e-mail; a greeting decides only where nothing else is said.
_RULES: tuple[tuple[UserIntent, re.Pattern[str]], ...] = (
    (
        UserIntent.OCM_COMMUNICATION,
        _words(
            "ocm", "change management", "organi[sz]ational change", "stakeholders?", "change communications?"
        ),
    ),
    (
        UserIntent.EMAIL_REQUEST,
        _words("e-?mails?", "mail to", "inbox", "subject line"),
    ),
    (
        UserIntent.DATA_ANALYSIS,
        _words(
            "analy[sz]e",
            "analysis",
            "analytics",
            "data ?sets?",
            "spreadsheets?",
            "statistics",
            "trends?",
            "csv",
        ),
    ),
    (
        UserIntent.DOCUMENT_GENERATION,
        _words("documents?", "reports?", "proposals?", "memos?", "pdf", "white ?papers?", "manuals?"),
    ),
    (
        UserIntent.PROCESS_OPTIMIZATION,
        _words("process(?:es)?", "workflows?", "optimi[sz]e", "streamline", "automate", "bottlenecks?"),
    ),
    (
        UserIntent.CONTENT_CREATION,
        _words(
            "blog",
            "articles?",
            "posts?",
            "slogans?",
            "write",
            "draft",
            "rewrite",
            "content",
            "headlines?",
            "copy",
        ),
    ),
    (
        UserIntent.CAPABILITIES_INQUIRY,
        _words(
            "what can you do",
            "what do you do",
            "(?:how|what) can you (?:help|assist)",
            "what are you able",
            "what are your",
            "who are you",
            "(?:your|the) (?:capabilities|features|abilities)",
        ),
    ),
    (
        UserIntent.HELP_REQUEST,
        _words("help", "assist(?:ance)?", "support", "how do i", "how can i", "stuck", "problem", "question"),
    ),
    (
        UserIntent.GREETING,
        _words(
            "hi", "hello", "hey", "good (?:morning|afternoon|evening)", "greetings", "thanks", "thank you"
        ),
    ),
)

_AGREED = re.compile(
    r"(?:yes|yep|ok|okay|sure|go ahead|continue|looks good|sounds good|do it)(?: please)?[.! ]*"
)

_AGREED_TO: dict[WorkflowPhase, UserIntent] = {
    WorkflowPhase.STRATEGY_CONFIRMATION: UserIntent.CONTENT_CREATION,
    WorkflowPhase.GENERATION: UserIntent.CONTENT_CREATION,
    WorkflowPhase.REVIEW: UserIntent.DOCUMENT_GENERATION,
    WorkflowPhase.DELIVERY: UserIntent.DOCUMENT_GENERATION,
}
"""What a bare "yes" asks for: in a phase that waits for a yes, the work that it lets go on."""


def classify(message: str, phase: WorkflowPhase) -> PatternMatch:
    """The intent of any text at all: never raises, in time linear in the text.

    Text with nothing but white space is `invalid`; text that no rule knows is `unclear`.
    """
    text = " ".join(message.split()).casefold()
    if not text:
        return PatternMatch(UserIntent.INVALID, 1.0)
    for intent, pattern in _RULES:
        if pattern.search(text):
            return PatternMatch(intent, MATCHED_CONFIDENCE)
    if phase in _AGREED_TO and _AGREED.fullmatch(text):
        return PatternMatch(_AGREED_TO[phase], MATCHED_CONFIDENCE)
    return PatternMatch(UserIntent.UNCLEAR, UNMATCHED_CONFIDENCE)


_OPENING: dict[UserIntent, str] = {
    UserIntent.EMAIL_REQUEST: "I can write that e-mail with you.",
    UserIntent.HELP_REQUEST: "I am glad to help.",
    UserIntent.GREETING: "Hello, good to hear from you.",
    UserIntent.OCM_COMMUNICATION: "I can plan and write that change communication with you.",
    UserIntent.DOCUMENT_GENERATION: "I can put that document together with you.",
    UserIntent.DATA_ANALYSIS: "I can look into that data with you.",
    UserIntent.CONTENT_CREATION: "I can write that with you.",
    UserIntent.PROCESS_OPTIMIZATION: "I can help to make that process better.",
    UserIntent.CAPABILITIES_INQUIRY: (
        "I write e-mails, documents and change communications, analyse data, and improve processes."
    ),
    UserIntent.UNCLEAR: "I am not sure that I understood you.",
    UserIntent.INVALID: "I could not read a message there.",
}

_NEXT_STEP: dict[WorkflowPhase, str] = {
    WorkflowPhase.INITIALIZATION: "Tell me what you need, and for whom.",
    WorkflowPhase.BATCH_DISCOVERY: "Tell me more about the audience and the purpose.",
    WorkflowPhase.STRATEGY_ANALYSIS: "I am weighing how to go about it; add anything that I should know.",
    WorkflowPhase.STRATEGY_CONFIRMATION: "Please confirm the plan, or say what to change.",
    WorkflowPhase.GENERATION: "The text is being written; tell me what must be in it.",
    WorkflowPhase.REVIEW: "Please look at the draft and say what to change.",
    WorkflowPhase.DELIVERY: "The result is ready; say so if you want it in another form.",
}

_REPLIES: dict[tuple[UserIntent, WorkflowPhase], str] = {
    (intent, phase): f"{opening} {step}"
    for intent, opening in _OPENING.items()
    for phase, step in _NEXT_STEP.items()
}


def reply_for(intent: UserIntent, phase: WorkflowPhase) -> str:
    """The reply of a level that writes none of its own, by intent and phase."""
    return _REPLIES[intent, phase]

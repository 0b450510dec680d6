"""The rules by which the simulated model understands a message: explicit tables, no randomness.

A conversation is judged by its history too: "Yes, please." takes up an offer, or insists on a complaint.
"""

import re
from collections.abc import Sequence

from harness.provider.messages import Said


def _words(*words: str) -> re.Pattern[str]:
    """A pattern that finds any of these words at the beginning of a word."""
    return re.compile(r"\b(?:" + "|".join(words) + ")", re.IGNORECASE)


_COMPLAINT = _words(
    "complain", "terrible", "awful", "useless", "wrong", "broken", "not work", "disappoint", "unacceptable",
    "frustrat", "annoy", "fail(?:s|ed)? again",
)  # fmt: skip
_OFFER = re.compile(
    r"\b(?:shall i|should i|would you like|do you want|i can (?:also )?|want me to)", re.IGNORECASE
)
_CONSENT = re.compile(
    r"\W*(?:yes|yep|yeah|sure|ok(?:ay)?|please do|go ahead|do (?:it|that)|of course)\b.{0,24}",
    re.IGNORECASE | re.DOTALL,
)
_CLOSING = re.compile(
    r"\W*(?:no,? thank|that(?: i|')s (?:all|it)|all done|done\b|we are done|nothing else|bye|goodbye)",
    re.IGNORECASE,
)

_CONVERSATION: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "escalation",
        _words("speak (?:to|with)", "talk to", "supervisor", "manager", "a human", "escalat", "lawyer"),
    ),
    ("complaint", _COMPLAINT),
    (
        "request",
        _words(
            "write", "draft", "send", "create", "generate", "prepare", "make", "build", "please", "i need"
        ),
    ),
    (
        "question",
        re.compile(r"\?|^\W*(?:who|what|when|where|why|how|which|can|could|do|does|is|are)\b", re.IGNORECASE),
    ),
    ("praise", _words("thank", "great", "love", "excellent", "perfect", "awesome", "well done")),
)

_STRUCTURED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("email_request", _words("e-?mail", "mail", "letter", "newsletter")),
    (
        "ocm_communication",
        _words("ocm", "organi[sz]ational change", "change (?:management|communication)", "stakeholder"),
    ),
    ("data_analysis", _words("analy", "data", "metric", "statistic", "chart", "spreadsheet")),
    ("document_generation", _words("document", "report", "proposal", "pdf", "contract")),
    ("process_optimization", _words("process", "optimi[sz]", "workflow", "efficien", "streamline")),
    ("content_creation", _words("content", "blog", "article", "post", "story", "slogan")),
    (
        "capabilities_inquiry",
        _words("what can you", "how can you", "what do you do", "capabilit", "able to", "features"),
    ),
    ("help_request", _words("help", "assist", "support", "how do i", "explain")),
    ("greeting", _words("hi\\b", "hello", "hey", "good (?:morning|afternoon|evening)")),
)
_REST = ("unclear", "unknown", "other", "general", "none")


def conversation_intent(said: Said) -> str:
    """The conversation-aware label of the latest message, in the light of what was said before it."""
    if _CONSENT.fullmatch(said.message):
        if _COMPLAINT.search(said.last("user")):
            return "escalation"
        return "request" if _OFFER.search(said.last("assistant")) else "general_conversation"
    if _CLOSING.match(said.message):
        return "completion" if said.before else "general_conversation"
    for label, pattern in _CONVERSATION:
        if pattern.search(said.message):
            return label
    return "general_conversation"


def label_among(labels: Sequence[str], message: str) -> str:
    """The label of a closed set that fits a message; the first one where nothing fits and none means `unclear`."""
    if "invalid" in labels and not message.strip():
        return "invalid"
    for label, pattern in _STRUCTURED:
        if label in labels and pattern.search(message):
            return label
    words = set(re.findall(r"[a-z]+", message.lower()))
    for label in labels:
        if words & set(re.findall(r"[a-z]+", label.lower())):
            return label
    return next((label for label in _REST if label in labels), labels[0])

"""What the labels of the conversation-aware level mean in the service's own words: one table."""

from dataclasses import dataclass

from reference_app import patterns
from reference_app.contract import ConversationIntent, ConversationState, UserIntent


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label of the conversation-aware level means in the service's own words.

    With `topical`, what the message itself is about decides where the patterns can tell; `intent` otherwise.
    """

    intent: UserIntent
    topical: bool = False


MEANINGS: dict[ConversationIntent, Meaning] = {
    ConversationIntent.QUESTION: Meaning(UserIntent.HELP_REQUEST, topical=True),
    ConversationIntent.REQUEST: Meaning(UserIntent.CONTENT_CREATION, topical=True),
    ConversationIntent.COMPLAINT: Meaning(UserIntent.HELP_REQUEST),
    ConversationIntent.PRAISE: Meaning(UserIntent.GREETING),
    ConversationIntent.GENERAL_CONVERSATION: Meaning(UserIntent.GREETING),
    ConversationIntent.ESCALATION: Meaning(UserIntent.HELP_REQUEST),
    ConversationIntent.COMPLETION: Meaning(UserIntent.UNCLEAR),
}
"""The one table from the conversation-aware level's labels to the service's intents."""

_NO_TOPIC = frozenset({UserIntent.UNCLEAR, UserIntent.INVALID, UserIntent.GREETING})


def user_intent(label: ConversationIntent, message: str, state: ConversationState) -> UserIntent:
    """The service's intent for a label, by `MEANINGS`."""
    meaning = MEANINGS[label]
    if meaning.topical:
        topic = patterns.classify(message, state.phase).intent
        if topic not in _NO_TOPIC:
            return topic
    return meaning.intent

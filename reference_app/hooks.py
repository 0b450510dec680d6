"""Plugins that look at a message before it is classified: plain functions, written by people who have no `await`.

A hook may classify a rewritten message through the synchronous facade, and returns that classification, or None to
leave the message to the chain. It runs in a portal, so that the loop goes on while its call waits for the provider.
"""

import re
from collections.abc import Callable

from reference_app.contract import Classification, ConversationState

Classify = Callable[[str, ConversationState | None], Classification]
Hook = Callable[[str, ConversationState, Classify], Classification | None]

_QUOTED = re.compile(r"^[ \t]*>.*(?:\n|\Z)", re.MULTILINE)
_ATTRIBUTION = re.compile(r"^On [^\n]{1,200} wrote:[ \t]*\n(?:[ \t]*\n)?(?=[ \t]*>)", re.MULTILINE)


def without_quotes(message: str) -> str:
    """The message without the mail that it answers: `> ` lines and the `On ... wrote:` line above them."""
    return _QUOTED.sub("", _ATTRIBUTION.sub("", message)).strip()


def strip_quoted_reply(message: str, state: ConversationState, classify: Classify) -> Classification | None:
    """Classify what the user wrote and not what they quote; a message that is all quotation is left as it is."""
    own = without_quotes(message)
    if own in (message, ""):
        return None
    return classify(own, state)


DEFAULT_HOOKS: tuple[Hook, ...] = (strip_quoted_reply,)


def first_answer(
    hooks: tuple[Hook, ...], message: str, state: ConversationState, classify: Classify
) -> Classification | None:
    """The first classification that a hook gives, in the order of registration."""
    for hook in hooks:
        answer = hook(message, state, classify)
        if answer is not None:
            return answer
    return None

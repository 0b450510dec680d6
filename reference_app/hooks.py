"""Plugins that look at a message before it is classified: plain functions, written by people who have no `await`.

A hook may classify a rewritten message through the synchronous facade, and returns that classification, or None to
leave the message to the chain. It runs in a portal, so that the loop goes on while its call waits for the provider.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from reference_app.contract import Classification, ConversationState

Classify = Callable[[str, ConversationState | None], Classification]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One plugin: `concerns` says cheaply whether it has anything to do with a message, `run` looks at it."""

    concerns: Callable[[str], bool]
    run: Callable[[str, ConversationState, Classify], Classification | None]


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


def has_quotes(message: str) -> bool:
    """True where some line is quoted."""
    return _QUOTED.search(message) is not None


DEFAULT_HOOKS = (Hook(concerns=has_quotes, run=strip_quoted_reply),)


def concerned(hooks: tuple[Hook, ...], message: str) -> tuple[Hook, ...]:
    """The hooks that have to do with the message; for most messages none, and then no portal is entered."""
    return tuple(hook for hook in hooks if hook.concerns(message))


def first_answer(
    hooks: tuple[Hook, ...], message: str, state: ConversationState, classify: Classify
) -> Classification | None:
    """The first classification that a hook gives, in the order of registration."""
    for hook in hooks:
        answer = hook.run(message, state, classify)
        if answer is not None:
            return answer
    return None

"""The provider answers 200, and what it says is broken, misshapen, refused or unsure.

Each of these bends the completion that is there. Where there is none to bend (another fault answered with an error,
or a plain text stands where an object is needed) nothing is changed, and nothing has fired.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from harness.errors import UsageError
from harness.faults.base import (
    HTML,
    ProviderFault,
    bent,
    closed,
    completion_of,
    content_of,
    object_of,
    with_body,
    with_choice,
)
from harness.faults.holds import called_once, never_taken, no_empty_answer, no_error_page, only_numbers
from harness.registry import Invariant, fault
from harness.rig import Reply, Rule, check
from harness.variants import chosen


@fault("provider.malformed_json")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMalformedJson(ProviderFault):
    """A 200 that does not hold the JSON that was promised.

    `form` says how the content is broken in a sound envelope: `truncated` (its first half), `fenced` (in a Markdown
    fence), `trailing` (prose after it), `wrong_type` (a JSON list around it); or the envelope: `html` (a web page),
    `wrong_charset` (said to be UTF-8 and written in Latin-1, with a letter in it that tells).
    """

    form: str = chosen("truncated", "fenced", "trailing", "wrong_type", "html", "wrong_charset")

    def __post_init__(self) -> None:
        closed(self, "form")

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """Of an envelope that is broken nothing can be taken; of a content that is, some may be mended."""
        taken = (never_taken(self.name),) if self.form in ("html", "wrong_charset") else ()
        return (no_error_page, *taken)

    def _rule(self) -> Rule:
        return bent(self._broken)

    def _broken(self, reply: Reply) -> Reply:
        """The reply with its content, or itself, broken."""
        content = content_of(reply)
        if content is None:
            return reply
        if self.form == "html":
            return replace(reply, headers={**reply.headers, "content-type": "text/html"}, body=HTML)
        if self.form == "wrong_charset":
            return _in_latin_1(reply, content)
        return with_choice(reply, content=_MALFORMED[self.form](content))


def _in_latin_1(reply: Reply, content: str) -> Reply:
    """The reply with a letter more in its content, in an encoding that is not the one that it names."""
    found = object_of(reply) or {}
    accented = f"{content} caf\u00e9"
    if longest := _longest_text(found):
        accented = json.dumps({**found, longest: f"{found[longest]} caf\u00e9"}, ensure_ascii=False)
    body = with_choice(reply, content=accented).body.decode().encode("latin-1", "replace")
    headers = {**reply.headers, "content-type": "application/json; charset=utf-8"}
    return replace(reply, headers=headers, body=body)


def _longest_text(found: dict[str, Any]) -> str | None:
    """The key of an object's longest text, its label left out; None where it has no text."""
    texts = [key for key, value in found.items() if isinstance(value, str) and key != "intent"]
    return max(texts, key=lambda key: len(found[key]), default=None)


_MALFORMED: dict[str, Callable[[str], str]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "fenced": lambda content: f"```json\n{content}\n```",
    "trailing": lambda content: f"{content}\n\nI hope this helps!",
    "wrong_type": lambda content: f"[{content}]",
}


_ENVELOPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "empty_choices": lambda completion: {**completion, "choices": []},
    "no_choices": lambda completion: {key: value for key, value in completion.items() if key != "choices"},
}


@fault("provider.schema_misfit")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSchemaMisfit(ProviderFault):
    """Valid JSON of the wrong shape.

    `form` is `empty_choices` or `no_choices` (the envelope has no choice, or no word of any, as where a gateway puts an
    error into a 200), or of the object in the content: `missing_key` (`intent`, or its first key where it has none, is
    gone), `string_for_object` (a JSON string in its place), `unknown_label` (`intent` is a word that nobody knows) or
    `extra_key` (one more than was asked for).
    """

    form: str = chosen(
        "missing_key", "empty_choices", "no_choices", "string_for_object", "unknown_label", "extra_key"
    )

    def __post_init__(self) -> None:
        closed(self, "form")

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """Without a choice there is no answer that could be taken, nor an empty one given out."""
        return (never_taken(self.name), no_empty_answer) if self.form in _ENVELOPES else ()

    @property
    def needs_also(self) -> frozenset[str]:
        """An envelope is always there; an object in the content is not."""
        return frozenset() if self.form in _ENVELOPES else frozenset({"scores"})

    def _rule(self) -> Rule:
        return bent(self._misfit)

    def _misfit(self, reply: Reply) -> Reply:
        """The reply in the wrong shape."""
        completion, found = completion_of(reply), object_of(reply)
        if completion is not None and self.form in _ENVELOPES:
            return with_body(reply, _ENVELOPES[self.form](completion))
        if not found or (self.form == "unknown_label" and "intent" not in found):
            return reply
        lost = "intent" if "intent" in found else next(iter(found))
        misfits: dict[str, Any] = {
            "missing_key": {key: value for key, value in found.items() if key != lost},
            "string_for_object": "I think that this is a request.",
            "unknown_label": {**found, "intent": "teleportation"},
            "extra_key": {**found, "reasoning": "It reads like one."},
        }
        return with_choice(reply, content=json.dumps(misfits[self.form]))


@fault("provider.finish_length")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFinishLength(ProviderFault):
    """The completion ran out of tokens: `finish_reason` is `length`.

    `content` is `null` (none at all) or `valid_prefix`: an object that the schema accepts, its longest text halved.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("provider.finish_length"),
        called_once("provider.finish_length"),
    )

    content: str = chosen("null", "valid_prefix")

    def __post_init__(self) -> None:
        closed(self, "content")

    def _rule(self) -> Rule:
        return bent(self._cut)

    def _cut(self, reply: Reply) -> Reply:
        """The reply, cut off."""
        found, content = object_of(reply), content_of(reply)
        if self.content == "null" or content is None:
            return with_choice(reply, content=None, finish_reason="length")
        if not found:
            return with_choice(reply, content=content[: len(content) // 2], finish_reason="length")
        if longest := _longest_text(found):
            found[longest] = found[longest][: len(found[longest]) // 2]
        return with_choice(reply, content=json.dumps(found), finish_reason="length")


@fault("provider.content_filter")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContentFilter(ProviderFault):
    """The provider withheld its completion: no content, and `finish_reason` is `content_filter`."""

    holds: ClassVar[tuple[Invariant, ...]] = (called_once("provider.content_filter"),)

    def _rule(self) -> Rule:
        return bent(lambda reply: with_choice(reply, content=None, finish_reason="content_filter"))


@fault("provider.refusal")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRefusal(ProviderFault):
    """The model declines: no content, and `refusal` says so."""

    holds: ClassVar[tuple[Invariant, ...]] = (called_once("provider.refusal"),)

    def _rule(self) -> Rule:
        return bent(
            lambda reply: with_choice(reply, content=None, refusal="I'm sorry, I can't help with that.")
        )


@fault("provider.low_score", needs=("provider", "scores"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLowScore(ProviderFault):
    """An honest answer of which the model is not sure: its `confidence` is `value`, from 0 to 1.

    A service that accepts only what is above 0.7 has to take exactly 0.7 for low.
    """

    value: float = chosen(0.3, 0.7)

    def __post_init__(self) -> None:
        check("value", self.value, 0.0, 1.0)

    def _rule(self) -> Rule:
        return bent(lambda reply: _with_confidence(reply, self.value))


@fault("provider.bad_score", needs=("provider", "scores"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBadScore(ProviderFault):
    """The `confidence` is no number from 0 to 1: NaN or an infinity (as Python's and JavaScript's literals), -1, 1.7, "0.9"."""

    holds: ClassVar[tuple[Invariant, ...]] = (only_numbers,)

    value: float | str = chosen(math.nan, math.inf, -1, 1.7, "0.9")

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) and 0 <= self.value <= 1:
            raise UsageError(
                f"value={self.value}: is a confidence; name one that is none, or take provider.low_score"
            )

    def __eq__(self, other: object) -> bool:
        """NaN is the same knob as NaN; from Python 3.13 on a dataclass compares its fields one by one, and says no."""
        return isinstance(other, ProviderBadScore) and self._knobs == other._knobs

    def __hash__(self) -> int:
        return hash(self._knobs)

    @property
    def _knobs(self) -> tuple[object, ...]:
        """Its knobs, with something in the place of NaN that is equal to itself."""
        return ("NaN" if self.value != self.value else self.value, self.window)

    def _rule(self) -> Rule:
        return bent(lambda reply: _with_confidence(reply, self.value))


def _with_confidence(reply: Reply, value: float | str) -> Reply:
    """The reply with another confidence, where its content has one."""
    found = object_of(reply)
    if found is None or "confidence" not in found:
        return reply
    # json and not orjson: it writes the literals NaN and Infinity, which is what a careless provider does.
    return with_choice(reply, content=json.dumps({**found, "confidence": value}))

"""What the faults of the provider's plane share, and the parts of OpenAI's envelope that they bend."""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import orjson

from harness.errors import UsageError
from harness.rig import Answer, Call, Reply, Rig, Rule, Window
from harness.variants import choices_of

ALWAYS = Window()
ONCE = Window(first_n=1)
"""As an incident begins: who tries again is answered as ever."""
NO_WIRE = "a simulated run has no wire"
NO_PROCESS = "a simulated run has no process of its own"
"""Reasons for which a fault is played live alone."""
HTML = b"<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFault:
    """A fault of the provider: a rule around its answers. `window` says when, and on which calls.

    One that is `on_wire` sees an answer as it goes out, in the events of a stream where one was asked for.
    """

    name: ClassVar[str]
    on_wire: ClassVar[bool] = False

    window: Window = ALWAYS

    def _rule(self) -> Rule:
        """What happens to a call."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""
        return rig.provider.wrapped(self.name, self._rule(), self.window, on_wire=self.on_wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFault(ProviderFault):
    """A fault that holds a call up before it is answered; then the honest answer comes."""

    def _held_s(self, call: Call) -> float:
        """For how long."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""

        async def held(call: Call, answer: Answer) -> Reply:
            await rig.clock.sleep(self._held_s(call))
            return await answer(call)

        return rig.provider.wrapped(self.name, held, self.window)


def check_whole(name: str, window: Window) -> None:
    """Hold a fault that takes a thing as a whole, a link or a process, to a window of times.

    Raises:
        UsageError: the window chooses among calls or connections.
    """
    times = Window(
        from_step=window.from_step, until_step=window.until_step, at_s=window.at_s, for_s=window.for_s
    )
    if window != times:
        raise UsageError(
            f"{name}: it takes all or nothing; its window takes from_step and until_step, at_s and for_s"
        )


def instead(made: Callable[[Call], Reply]) -> Rule:
    """A rule that answers by itself; what it stands before is never asked."""

    async def rule(call: Call, _answer: Answer) -> Reply:
        return made(call)

    return rule


def bent(change: Callable[[Reply], Reply]) -> Rule:
    """A rule that changes a reply that is there; giving back the same object means that there was nothing to change."""

    async def rule(call: Call, answer: Answer) -> Reply:
        return change(await answer(call))

    return rule


def choice(knob: str, value: object, allowed: Iterable[object]) -> None:
    """Hold a knob to a closed set.

    Raises:
        UsageError: it is none of them.
    """
    if value not in tuple(allowed):
        raise UsageError(f"{knob}={value!r}: must be one of {', '.join(repr(one) for one in allowed)}")


def closed(fault: Any, *knobs: str) -> None:
    """Hold knobs to the choices that their fields name.

    Raises:
        UsageError: one is none of them.
    """
    choices = choices_of(type(fault))
    for knob in knobs:
        choice(knob, getattr(fault, knob), choices[knob])


def error(status: int, message: str, *, kind: str, code: str | None) -> Reply:
    """An error as OpenAI puts it."""
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
    return Reply(status=status, headers={"content-type": "application/json"}, body=body)


def completion_of(reply: Reply) -> dict[str, Any] | None:
    """The completion that a reply carries, with at least one choice; None where it carries none."""
    try:
        completion = orjson.loads(reply.body)
        completion["choices"][0]["message"]["content"]
    except (ValueError, TypeError, LookupError):
        return None
    return dict(completion)


def with_body(reply: Reply, body: dict[str, Any]) -> Reply:
    """The same reply with another body."""
    return replace(reply, body=orjson.dumps(body))


def with_choice(reply: Reply, **changes: Any) -> Reply:
    """The reply with other values in its first choice (`finish_reason`) or that choice's message (all others)."""
    completion = completion_of(reply)
    if completion is None:
        return reply
    chosen = completion["choices"][0]
    for key, value in changes.items():
        (chosen if key == "finish_reason" else chosen["message"])[key] = value
    return with_body(reply, completion)


def content_of(reply: Reply) -> str | None:
    """The content of a completion, where it is a text."""
    completion = completion_of(reply)
    content = completion["choices"][0]["message"]["content"] if completion else None
    return content if isinstance(content, str) else None


def object_of(reply: Reply) -> dict[str, Any] | None:
    """The JSON object in a completion's content; None where there is none."""
    try:
        found = json.loads(content_of(reply) or "")  # json, since another fault may have left a NaN in it
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

"""An answer as it goes out, byte by byte: what the faults of the wire have in common."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.faults.base import bent
from harness.rig import Answer, Call, Reply, Rule
from harness.wire import Part

EVENTS = "text/event-stream"


def wire(change: Callable[[Reply], Reply]) -> Rule:
    """A rule that changes an answer which has a body; one that has none has nothing of which a part could be missing."""
    return bent(lambda reply: change(reply) if length_of(reply) else reply)


def stream(change: Callable[[Reply], Reply]) -> Rule:
    """A rule that changes a stream of events; any other answer is left as it is."""
    return _OfStreams(
        wire(lambda reply: change(reply) if reply.headers.get("content-type") == EVENTS else reply)
    )


@dataclass(frozen=True, slots=True)
class _OfStreams:
    """A rule whose window counts the calls that ask for a stream: there is nothing in any other that it could change."""

    rule: Rule
    of_streams: ClassVar[bool] = True

    async def __call__(self, call: Call, answer: Answer) -> Reply:
        return await self.rule(call, answer)


def parts_of(reply: Reply) -> tuple[Part, ...]:
    """A reply in parts, be it one."""
    return reply.parts or (reply.body,)


def length_of(reply: Reply) -> int:
    """The bytes of its body that a reply sends."""
    return sum(len(part) for part in parts_of(reply) if isinstance(part, bytes))


def framed(reply: Reply, *parts: Part) -> Reply:
    """The reply with other parts under the frame that it had: the length of the whole, or chunks where it was chunked."""
    length = {} if reply.parts else {"content-length": str(len(reply.body))}
    return replace(reply, headers={**length, **reply.headers}, parts=parts)


def chunked(reply: Reply, *parts: Part) -> Reply:
    """The reply with other parts, in chunks."""
    headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
    return replace(reply, headers=headers, parts=parts)


def first_bytes(parts: tuple[Part, ...], most: int) -> Iterator[Part]:
    """The parts as far as the first `most` bytes of the body."""
    left = most
    for part in parts:
        if isinstance(part, bytes):
            yield from [part[:left]] if left else []
            left -= min(left, len(part))
        if not left:
            return
        if not isinstance(part, bytes):
            yield part


def after_events(parts: tuple[Part, ...], events: int) -> int:
    """The place in the parts of a stream behind its first `events` events; a negative number counts from its end.

    At least its last event lies behind that place, however few there are.
    """
    places = [place for place, part in enumerate(parts, start=1) if isinstance(part, bytes)]
    count = min(events, len(places) - 1) if events >= 0 else max(0, len(places) + events)
    return places[count - 1] if count else 0

"""The provider's stream breaks: it ends without its end, stands still, or says in its middle that all has failed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from harness.faults.base import ONCE, ProviderFault, closed
from harness.faults.holds import never_taken, never_whole
from harness.faults.provider_wire import after_events, framed, parts_of, stream
from harness.registry import Invariant, fault
from harness.rig import Reply, Rule, check
from harness.variants import chosen
from harness.wire import Ending, Part, Pause

NEEDS = ("provider", "provider_streams")
HALF_A_LETTER = b'data: {"choices":[{"index":0,"delta":{"content":"caf\xc3'


@fault("provider.stream_cut", needs=NEEDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStreamCut(ProviderFault):
    """A stream stops without `[DONE]` after `after_chunks` events; a negative number counts from its end.

    `how` is `ended` (the body ends as a body does: only that `[DONE]` is missing tells; gateway#1797), `eof` (the
    connection is closed in order, the body's framing is not), `rst` (it is reset, and what its client has not read may
    be lost too) or `inside_utf8` (`eof` within an event, in the middle of a letter).
    """

    on_wire: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("provider.stream_cut"),
        never_whole("provider.stream_cut"),
    )
    also: ClassVar[tuple[Mapping[str, Any], ...]] = ({"window": ONCE, "how": "eof"},)

    after_chunks: int = chosen(3, 0, -1)
    how: str = chosen("ended", "eof", "rst", "inside_utf8")

    def __post_init__(self) -> None:
        check("after_chunks", self.after_chunks, -1_000_000, math.inf)
        closed(self, "how")

    def _rule(self) -> Rule:
        return stream(self._cut)

    def _cut(self, reply: Reply) -> Reply:
        """The stream as far as it comes."""
        kept = parts_of(reply)[: after_events(parts_of(reply), self.after_chunks)]
        half: tuple[Part, ...] = (HALF_A_LETTER,) if self.how == "inside_utf8" else ()
        # A reply without parts is its body: one that ends with nothing in it has a part all the same.
        end = Pause(for_s=0) if self.how == "ended" else Ending(reset=self.how == "rst")
        return framed(reply, *kept, *half, end)


@fault("provider.stream_stall", needs=NEEDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStreamStall(ProviderFault):
    """A stream stands still for `for_s` seconds after `after_chunks` events, open; then the rest of it comes."""

    on_wire: ClassVar[bool] = True

    after_chunks: int = 1
    for_s: float = 30.0

    def __post_init__(self) -> None:
        check("after_chunks", self.after_chunks, -1_000_000, math.inf)
        check("for_s", self.for_s, 0.001, 86_400)

    def _rule(self) -> Rule:
        return stream(self._stalled)

    def _stalled(self, reply: Reply) -> Reply:
        """The stream with a long pause in it."""
        parts = parts_of(reply)
        place = after_events(parts, self.after_chunks)
        return framed(reply, *parts[:place], Pause(for_s=self.for_s), *parts[place:])


@fault("provider.stream_error", needs=NEEDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStreamError(ProviderFault):
    """After `after_chunks` events of a 200 comes one with an error in it, and the stream is over (vllm#57519)."""

    on_wire: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("provider.stream_error"),
        never_whole("provider.stream_error"),
    )
    also: ClassVar[tuple[Mapping[str, Any], ...]] = ({"window": ONCE},)

    after_chunks: int = 3

    def __post_init__(self) -> None:
        check("after_chunks", self.after_chunks, -1_000_000, math.inf)

    def _rule(self) -> Rule:
        return stream(self._failed)

    def _failed(self, reply: Reply) -> Reply:
        """The stream as far as it comes, and the error."""
        message = "The server had an error while processing your request."
        said = {"error": {"message": message, "type": "server_error", "param": None, "code": None}}
        kept = parts_of(reply)[: after_events(parts_of(reply), self.after_chunks)]
        return framed(reply, *kept, b"data: " + orjson.dumps(said) + b"\n\n")

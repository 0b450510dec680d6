"""The connection to the provider breaks within an answer, or brings one that nobody asked for."""

import math
from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import NO_WIRE, ProviderFault
from harness.faults.holds import never_taken, own_answer
from harness.faults.provider_wire import first_bytes, framed, length_of, parts_of, wire
from harness.registry import Invariant, fault
from harness.rig import Reply, Rule, check
from harness.wire import Ending, Raw

OK = 200


@fault("provider.reset_mid_body")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderResetMidBody(ProviderFault):
    """The connection is reset after the first `at_bytes` bytes of the body, in any case before its last.

    What its client has not read by then may be lost too (openai-python#2356).
    """

    on_wire: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (never_taken("provider.reset_mid_body"),)

    at_bytes: int = 20

    def __post_init__(self) -> None:
        check("at_bytes", self.at_bytes, 0, math.inf)

    def _rule(self) -> Rule:
        return wire(self._reset)

    def _reset(self, reply: Reply) -> Reply:
        """The reply as far as it comes."""
        there = min(self.at_bytes, length_of(reply) - 1)
        return framed(reply, *first_bytes(parts_of(reply), there), Ending(reset=True))


@fault(
    "provider.extra_reply",
    stages=("live",),
    because=NO_WIRE,
    needs=("provider", "provider_whole"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderExtraReply(ProviderFault):
    """Behind a completion comes the same one again, `n` times, on a connection that is kept (redis-py#2624).

    All of it is sent at once, so a client that keeps what it has read finds there the answer to its next call. Only an
    answer that is whole is repeated: a stream ends when nobody else is left to send.
    """

    on_wire: ClassVar[bool] = True
    holds: ClassVar[tuple[Invariant, ...]] = (own_answer,)

    n: int = 1

    def __post_init__(self) -> None:
        check("n", self.n, 1, 100)

    def _rule(self) -> Rule:
        return wire(self._repeated)

    def _repeated(self, reply: Reply) -> Reply:
        """The reply, and what nobody asked for."""
        if reply.parts or reply.status != OK:
            return reply
        headers = {**reply.headers, "content-length": str(len(reply.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        again = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1") + reply.body
        return framed(reply, reply.body, Raw(data=again * self.n))

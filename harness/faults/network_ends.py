"""A connection ends where it must not, or does not end where it should; what was asked for is lost, or its answer."""

import math
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import NO_WIRE, choice
from harness.faults.client_holds import one_effect
from harness.faults.holds import never_taken, never_whole
from harness.faults.network_holds import answered_once, told_once
from harness.faults.network_link import LinkFault
from harness.registry import Invariant, fault
from harness.rig import check
from harness.variants import chosen
from harness.wire import Toxic


@fault("network.limit_data")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLimitData(LinkFault):
    """After `after_bytes` in `direction` a connection is closed in order, as if that had been all (gateway#1797)."""

    holds: ClassVar[tuple[Invariant, ...]] = (never_whole("network.limit_data"), told_once)

    after_bytes: int = 200
    direction: str = "down"

    def _toxic(self) -> Toxic:
        return Toxic(after_bytes=self.after_bytes, direction=self.direction)


@fault("network.reset")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReset(LinkFault):
    """A connection is reset (RST): after `after_bytes` in `direction`, or `after_ms` after it or the fault began."""

    holds: ClassVar[tuple[Invariant, ...]] = (never_whole("network.reset"), told_once)

    after_bytes: int | None = 200
    after_ms: float | None = None
    direction: str = "down"

    def _toxic(self) -> Toxic:
        if self.after_bytes is None and self.after_ms is None:
            raise UsageError(f"{self.name}: after_bytes or after_ms must say when")
        return Toxic(
            after_bytes=self.after_bytes, after_ms=self.after_ms, then="reset", direction=self.direction
        )


@fault("network.black_hole")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBlackHole(LinkFault):
    """After `after_bytes` in `direction` nothing more arrives, and the connection stays open until this heals."""

    holds: ClassVar[tuple[Invariant, ...]] = (never_whole("network.black_hole"), told_once)

    after_bytes: int = 0
    direction: str = chosen("down", "up")

    def _toxic(self) -> Toxic:
        return Toxic(after_bytes=self.after_bytes, then="hole", direction=self.direction)


@fault("network.half_close", stages=("live",), because=NO_WIRE)
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkHalfClose(LinkFault):
    """After `after_bytes` in `direction` that direction is closed (FIN), and the other stays open."""

    holds: ClassVar[tuple[Invariant, ...]] = (never_whole("network.half_close"), told_once)

    after_bytes: int = 0
    direction: str = chosen("down", "up")

    def _toxic(self) -> Toxic:
        return Toxic(after_bytes=self.after_bytes, then="half", direction=self.direction)


@fault(
    "network.idle_close",
    stages=("live",),
    because=NO_WIRE,
    needs=("provider", "kept_connections"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIdleClose(LinkFault):
    """A connection that nobody has used for `idle_s` is gone, and the next request meets that.

    With `how="reset"` the service learns of it as it sends (a router that forgot the connection), with `fin` before: that
    counts once a request comes all the same, or another connection is opened in its place.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (answered_once, told_once)

    idle_s: float = 0.005
    how: str = chosen("reset", "fin")

    def _toxic(self) -> Toxic:
        choice("how", self.how, ("reset", "fin"))
        return Toxic(idle_s=self.idle_s, then=self.how)


@fault(
    "network.slow_close",
    stages=("live",),
    because=NO_WIRE,
    needs=("provider", "kept_connections"),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSlowClose(LinkFault):
    """The provider closes a connection that nobody has used for `idle_s`, and the service learns of it late.

    What it sends within the `close_delay_ms` goes nowhere; then comes the close. It counts as under network.idle_close.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (answered_once, told_once)

    idle_s: float = 0.005
    close_delay_ms: float = 300.0

    def _toxic(self) -> Toxic:
        return Toxic(idle_s=self.idle_s, close_delay_ms=self.close_delay_ms)


@fault("network.drop_response")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDropResponse(LinkFault):
    """The `nth` request is delivered and has its effect; its answer is thrown away, and the connection closed.

    A retry does it all again: anthropic-sdk-java#370, harness-sdk#1365.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (
        never_taken("network.drop_response"),
        told_once,
        one_effect,
    )

    nth: int = 1

    def _toxic(self) -> Toxic:
        check("nth", self.nth, 1, math.inf)
        return Toxic(drop_nth=self.nth)

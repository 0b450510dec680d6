"""The link is slow, narrow, or cuts what it carries into pieces; nothing is lost."""

from dataclasses import dataclass
from typing import ClassVar

from harness.faults.base import NO_WIRE
from harness.faults.network_holds import text_kept
from harness.faults.network_link import LinkFault
from harness.registry import Invariant, fault
from harness.wire import Toxic


@fault("network.latency")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLatency(LinkFault):
    """Bytes of `direction` (`up`, `down`, `both`) come `latency_ms` late, give or take up to `jitter_ms`."""

    latency_ms: float = 200.0
    jitter_ms: float = 50.0
    direction: str = "down"

    def _toxic(self) -> Toxic:
        return Toxic(latency_ms=self.latency_ms, jitter_ms=self.jitter_ms, direction=self.direction)


@fault("network.bandwidth", stages=("live",), because=NO_WIRE)
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBandwidth(LinkFault):
    """No more than `bytes_per_s` pass in `direction`: no read is long, and the whole answer is late."""

    holds: ClassVar[tuple[Invariant, ...]] = (text_kept("network.bandwidth"),)

    bytes_per_s: float = 2000.0
    direction: str = "down"

    def _toxic(self) -> Toxic:
        return Toxic(bytes_per_s=self.bytes_per_s, direction=self.direction)


@fault("network.slicer")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSlicer(LinkFault):
    """Bytes of `direction` come in pieces of `chunk_bytes`, `gap_ms` apart: inside a character, a chunk, an event."""

    holds: ClassVar[tuple[Invariant, ...]] = (text_kept("network.slicer"),)

    chunk_bytes: int = 7
    gap_ms: float = 1.0
    direction: str = "down"

    def _toxic(self) -> Toxic:
        return Toxic(chunk_bytes=self.chunk_bytes, gap_ms=self.gap_ms, direction=self.direction)

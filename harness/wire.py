"""What may happen on a wire: an answer in parts, and a link that is shaped."""

import math
from dataclasses import dataclass

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing is sent for so long."""

    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Bytes that are put on the wire as they stand, whatever framing the body has; only a wire can carry them."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The connection ends here: in order (FIN), or by a `reset` (RST)."""

    reset: bool = False


Part = bytes | Pause | Raw | Ending
"""A body in parts: bytes, each one chunk where the body is chunked, and what happens between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """What a link does to its connections, those that are open when it begins included; all of it together.

    `connect` says what becomes of a new connection: `accept`, `hang` (it is never accepted) or `unresolved` (the name
    is not found; only where there is no real resolver). Bytes of `direction` (`up` is towards the server, `down` away
    from it, or `both`) come `latency_ms` late, give or take up to `jitter_ms`, at `bytes_per_s` at most, in pieces of
    `chunk_bytes` with `gap_ms` between them. After `after_bytes` of a connection in that direction, or after
    `after_ms` of its life, `then` happens: `fin` (both ends are closed in order), `reset` (both by RST), `hole` (the
    connection stays open and swallows what is sent), `half` (one direction is closed, the other stays). A connection
    that is idle for `idle_s` is closed; the close of one end is passed on `close_delay_ms` late. `drop_nth` lets the
    n-th request through and closes the connection instead of passing its answer on. None is: not at all.
    """

    connect: str = "accept"
    direction: str = "down"
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    bytes_per_s: float | None = None
    chunk_bytes: int | None = None
    gap_ms: float = 0.0
    after_bytes: int | None = None
    after_ms: float | None = None
    then: str = "fin"
    idle_s: float | None = None
    close_delay_ms: float = 0.0
    drop_nth: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no wire could do.

        Raises:
            UsageError: a field is out of its range; the message says which.
        """
        for name, value, allowed in (
            ("connect", self.connect, ("accept", "hang", "unresolved")),
            ("direction", self.direction, ("up", "down", "both")),
            ("then", self.then, ("fin", "reset", "hole", "half")),
        ):
            if value not in allowed:
                raise UsageError(f"{name}={value!r}: must be one of {', '.join(allowed)}")
        for name in ("latency_ms", "jitter_ms", "gap_ms", "after_bytes", "after_ms", "close_delay_ms"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name}={value}: must be finite and at least 0")
        for name in ("bytes_per_s", "chunk_bytes", "idle_s", "drop_nth"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name}={value}: must be finite and above 0")

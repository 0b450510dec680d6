"""What may happen on a wire: an answer in parts, and a link that is shaped."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import UsageError
from harness.window import Matching, Window


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

    `connect` says what becomes of a new connection: `accept`, `hang` (it is never accepted, and those that are open
    end) or `unresolved` (the name is not found; only where there is no real resolver).

    Bytes of `direction` (`up` is towards the server, `down` away from it, or `both`) come `latency_ms` late, give or
    take up to `jitter_ms`, at `bytes_per_s` at most, in pieces of `chunk_bytes` with `gap_ms` between them. The close
    of one end is passed on `close_delay_ms` late.

    `then` happens to a connection once: when a byte comes in that direction after the first `after_bytes`, or
    `after_ms` after it began, or when it has been idle for `idle_s` since its last answer. Both of the first count
    from the toxic's beginning where that is the later one. It may be `fin` (both ends are closed in order), `reset`
    (both by RST; of an idle one when next something is sent to it, as a router does that forgot it), `hole` (it stays
    open and swallows what is sent; where something was swallowed it is reset when the toxic goes, since the rest would
    be no stream) or `half` (the direction is closed, the other stays).

    `drop_nth` lets the n-th request through, of all that go over the link, and closes its connection instead of
    passing the answer on. A request is what goes up after something came down. None is: not at all.
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

    def shapes(self, direction: str) -> bool:
        """Whether bytes of a direction, `up` or `down`, are among its own."""
        return self.direction in (direction, "both")


class Applied:
    """A toxic that is in place on a link. `fired` is told the fault's name and on what it fired."""

    def __init__(
        self,
        fault: str,
        toxic: Toxic,
        window: Window,
        *,
        stream: random.Random,
        fired: Callable[[str, str], None],
    ) -> None:
        self.fault = fault
        self.toxic = toxic
        self.fired = fired
        self._matching = Matching(window, stream)
        self._requests = 0
        self._unmissed: list[tuple[Meeting, str]] = []

    def lets_through(self) -> bool:
        """Whether it acts on this connection; counts it, so ask once for each, under a lock where there are threads."""
        return self._matching.lets_through()

    def drops(self) -> bool:
        """Count one request; whether its answer is to be dropped."""
        self._requests += 1
        return self._requests == self.toxic.drop_nth

    def ended(self, meeting: "Meeting", what: str) -> None:
        """Keep in mind what was done to a connection that nobody used: it is a firing once somebody misses that."""
        self._unmissed.append((meeting, what))

    def missed(self) -> None:
        """A connection is opened, and it need not be if one that was ended were still there."""
        while self._unmissed:
            meeting, what = self._unmissed.pop(0)
            if meeting.note(f"{what}, and another one was opened for it"):
                return


class Meeting:
    """A toxic and one connection on which it acts, since `began_s`; what it does there is one firing.

    `free_s` says from when on another piece may go in a direction, where there is a rate.
    """

    def __init__(self, applied: Applied, connection: str, began_s: float) -> None:
        self.applied = applied
        self.toxic = applied.toxic
        self.began_s = began_s
        self.ripe = False
        self.swallowed = False
        self.dropping = False
        self.passed = {"up": 0, "down": 0}
        self.free_s = {"up": 0.0, "down": 0.0}
        self._connection = connection
        self._noted = False

    def note(self, what: str) -> bool:
        """Note that something was done to the connection; False where that is known already."""
        first, self._noted = not self._noted, True
        if first:
            self.applied.fired(self.applied.fault, f"{self._connection}: {what}")
        return first

    def swallows(self, direction: str) -> bool:
        """Whether what is sent in a direction goes nowhere."""
        return self.ripe and self.toxic.then == "hole" and self.toxic.shapes(direction)

    def left_bytes(self, direction: str) -> int | None:
        """How many bytes may still pass in a direction before `then` happens; None for any number."""
        if self.ripe or self.toxic.after_bytes is None or not self.toxic.shapes(direction):
            return None
        return self.toxic.after_bytes - self.passed[direction]


class Passage:
    """One connection that a proxy passes on: which faults did something to which of its requests.

    Both ends count them, from 1: the proxy as they go up, the server as they have come whole. `shaped` is told the
    ordinal that the server has for one, and the fault.
    """

    def __init__(self, shaped: Callable[[int, str], None]) -> None:
        self.answering = False
        self._shaped = shaped
        self._requests = 0
        self._ordinals: dict[int, int] = {}
        self._faults: dict[int, list[str]] = {}

    def begun(self) -> None:
        """The server has a request, and answers it."""
        self._requests += 1
        self.answering = True
        for before in (self._ordinals, self._faults):
            before.pop(self._requests - 1, None)  # of which nothing can be on its way any more

    def called(self, ordinal: int) -> None:
        """The server gives the request that it has an ordinal."""
        self._ordinals[self._requests] = ordinal
        for fault in self._faults.get(self._requests, ()):
            self._shaped(ordinal, fault)

    def over(self) -> None:
        """The server has answered."""
        self.answering = False

    def felt(self, request: int, fault: str) -> None:
        """The proxy did something to a request, or to its answer; the server may not have it yet, or any more."""
        faults = self._faults.setdefault(request, [])
        if fault not in faults:
            faults.append(fault)
            if request in self._ordinals:
                self._shaped(self._ordinals[request], fault)

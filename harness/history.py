"""The history of a run: a header and frozen records in one order.

Times (`at_s`) are seconds since the run began, monotonic. `harness.recording` puts a history on disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from harness.contract import FORGOTTEN, LOGS, PROBES, PROCESS, PROVIDER, SNAPSHOTS, WIRE, WITNESSES, Contract
from harness.standstill import Deadlocked, LinkDown, Outage, Standstill, Starved

__all__ = [
    "FORGOTTEN",
    "IDEMPOTENCY_KEY",
    "LOGS",
    "PROBES",
    "PROCESS",
    "PROVIDER",
    "SNAPSHOTS",
    "STANDS_IN",
    "WIRE",
    "WITNESSES",
    "Contract",
    "Deadlocked",
    "Exchange",
    "FaultFired",
    "Header",
    "History",
    "LinkDown",
    "LogRecord",
    "Outage",
    "Probe",
    "Record",
    "Snapshot",
    "Starved",
    "UpstreamCall",
    "ordered",
]

IDEMPOTENCY_KEY = "idempotency-key"
"""The header by which a client says that a request is the same as one before."""

STANDS_IN = "x-shakeout-stands-in"
"""The header of an answer that the harness gave in the place of a target whose request it had cancelled; it names the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What was run. `arm` is `faulted` or `control`; `harness_lag_ms_max` is how late the harness's ticker was.

    That counts after the warm-up. `declared` are the names of the faults that the scenario declares, `witnesses` those that testify in this run,
    `absent` those that the target does not have, by its profile. `doubts` say why what was played is not what the
    profile meant, such as a pointer at which no answer had a session. A simulated run has a `schedule_hash` (every
    choice that was made), an `observation_hash` (every record, and what was drawn), and the fingerprint `code` of what
    was played; a stored schedule fits, where all that it holds back was there to be held back. In a faulted run
    `control_golden_ms` is what the golden turns of its control took, in milliseconds; empty without a control.
    """

    scenario: str
    seed: int
    stage: str
    target: str
    arm: str
    contract: Contract
    witnesses: tuple[str, ...]
    absent: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    nonce_matched: bool = False
    doubts: tuple[str, ...] = ()
    harness_lag_ms_max: float = 0.0
    elapsed_s: float = 0.0
    schedule_hash: str = ""
    observation_hash: str = ""
    code: str = ""
    schedule_fits: bool = True
    control_golden_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request as its client saw it.

    `role` is `warmup`, `turn`, `request`, `golden`, or `beside` for what `fault` sent, which must be answered with one
    of the statuses in `expected`. `session` is the scenario's label of the conversation, `session_id` the id that the
    answer names, or where a good one names none that which was sent. `status` is None where none came; `error` names
    the client's exception, also where an answer broke off. `body` is the parsed JSON, or the text where it is none; of
    an event stream, its events. `message` is a turn's text, `canary` the unique word in it, `reply` the answer at the
    contract's pointer. `left`: its client left on purpose.
    """

    kind: ClassVar[str] = "exchange"
    at_s: float
    ended_s: float
    step: int
    role: str
    method: str
    path: str
    request_id: str
    session: str = ""
    session_id: str | None = None
    request: Any = None
    request_headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    error: str | None = None
    message: str | None = None
    canary: str | None = None
    reply: str | None = None
    left: bool = False
    expected: tuple[int, ...] = ()
    fault: str = ""

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first byte sent to the last byte seen."""
        return self.ended_s - self.at_s

    @property
    def own(self) -> bool:
        """Whether the answer is the target's own; one that the harness gave in its place, nobody can hold it to."""
        return STANDS_IN not in self.headers

    @property
    def idempotency_key(self) -> str | None:
        """The key under which it was sent; None where it was sent under none."""
        return self.request_headers.get(IDEMPOTENCY_KEY)

    def __str__(self) -> str:
        """The exchange as evidence: one line."""
        outcome = self.status if self.status is not None else self.error
        return f"{self.method} {self.path} -> {outcome} in {self.elapsed_s:.3f} s (request {self.request_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One line that the target wrote, or those of one traceback or message; `line` counts from 1 in its file.

    `source` is `app`, `access`, `stderr`, or `stdout` where the app writes its log to a file.

    An unparsed line keeps its text and has no event; nor has a traceback, whose last line is the field `exception`.
    """

    kind: ClassVar[str] = "log"
    source: str
    line: int
    text: str
    event: str | None = None
    level: str | None = None
    logger: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The record as evidence: where it stands, and what it says."""
        return f"{self.source} log line {self.line}: {self.text[:300]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCall:
    """One call as the provider saw it.

    `level` is `conversation` or `structured` (a strict JSON schema was asked for). `outcome` is `answered`,
    `aborted` (the caller went away first) or `open` (still in flight when the run ended). `fault` names the fault
    that shaped the answer; `in_flight` counts this call and those beside it when it began. `text` is the content of the
    completion that was meant, in one piece, however much of it arrived.
    """

    kind: ClassVar[str] = "upstream"
    at_s: float
    ended_s: float
    call: int
    level: str
    request_id: str | None
    messages: tuple[Mapping[str, Any], ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    outcome: str = "answered"
    fault: str | None = None
    in_flight: int = 1
    confidence: float | None = None
    text: str | None = None
    streamed: bool = False

    def __str__(self) -> str:
        """The call as evidence: one line."""
        shaped = f", shaped by {self.fault}" if self.fault else ""
        span = f"{self.at_s:.3f}..{self.ended_s:.3f} s"
        return f"provider call {self.call} ({self.level}, request {self.request_id}) {self.outcome} {span}{shaped}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFired:
    """One firing of a fault; `detail` says on what."""

    kind: ClassVar[str] = "fault"
    at_s: float
    fault: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the child said of itself: `baseline`, `restart` (before one), `played` (after the steps), `quiet` (at the end).

    Lag is the longest that the target's loop was late since the probe before. `limiter_tokens` are those that anyio's
    default limiter of worker threads has lent on that loop. `memory_bytes` is what the target's processes hold of the
    main memory (RSS); 0 where nobody can tell, as where the target is in the harness's own process. `from_factory` is 1
    where a factory built its app; `worker_threads` are those of anyio, at work or not. `objects` are
    those of classes that are neither Python's own nor the harness's, counted where many sessions are held, else 0.
    `names` are what the counted tasks run, what the threads are called and the descriptors lead to, where that is known.
    """

    kind: ClassVar[str] = "probe"
    at_s: float
    phase: str
    loop_lag_ms_max: float
    tasks: int
    threads: int
    descriptors: int
    provider_in_flight: int = 0
    limiter_tokens: int = 0
    memory_bytes: int = 0
    from_factory: int = 0
    worker_threads: int = 0
    objects: int = 0
    names: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """State that was read after the run: `session:LABEL` or `metrics`."""

    kind: ClassVar[str] = "snapshot"
    at_s: float
    name: str
    status: int | None
    data: Any = None
    request_id: str = ""


Record = Exchange | LogRecord | UpstreamCall | FaultFired | Probe | Snapshot | Standstill
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A header and its records, in the order in which they were observed."""

    header: Header
    records: tuple[Record, ...] = ()
    _found: dict[type[Any], tuple[Any, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `of` has found before: each of many oracles asks for the same."""

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The records of one kind, in order."""
        if kind not in self._found:
            self._found[kind] = tuple(record for record in self.records if isinstance(record, kind))
        return self._found[kind]

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges, those of warm-up and golden turns included."""
        return self.of(Exchange)

    @property
    def turns(self) -> tuple[Exchange, ...]:
        """The exchanges that hold a turn, whatever their role."""
        held = (self.header.contract.turn_method, self.header.contract.turn_path)
        return tuple(one for one in self.exchanges if (one.method, one.path) == held)

    @property
    def logs(self) -> tuple[LogRecord, ...]:
        """The target's log."""
        return self.of(LogRecord)

    @property
    def calls(self) -> tuple[UpstreamCall, ...]:
        """The provider's own account."""
        return self.of(UpstreamCall)

    def fired(self) -> dict[str, int]:
        """How often each declared fault fired; a declared fault that never did counts 0."""
        counts = dict.fromkeys(self.header.declared, 0)
        for record in self.of(FaultFired):
            counts[record.fault] = counts.get(record.fault, 0) + 1
        return counts


def ordered(records: Iterable[Record]) -> tuple[Record, ...]:
    """Records with a time in order of their time; log lines, which may have none, keep their order at the end."""
    timed = [record for record in records if not isinstance(record, LogRecord)]
    logs = [record for record in records if isinstance(record, LogRecord)]
    return (*sorted(timed, key=lambda record: record.at_s), *logs)

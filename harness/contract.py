"""What a target promises, and who can testify of what it did."""

from dataclasses import dataclass

WIRE = "wire"
LOGS = "logs"
PROVIDER = "provider"
PROBES = "probes"
SNAPSHOTS = "snapshots"
PROCESS = "process"
WITNESSES = frozenset({WIRE, LOGS, PROVIDER, PROBES, PROCESS, SNAPSHOTS})
"""Who can testify: the client, the target's log, the simulated provider, the child's probes (its loop and its tasks),
what the system says of its process (threads and descriptors), state read afterwards."""


FORGOTTEN = (
    "was never awaited",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending",
)
"""What Python says of work that was forgotten; no service means to have it in its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the target promises, as its profile says; the oracles hold it to this and know nothing else of it.

    What is not promised is not asked for. `sessions`: a turn belongs to one, which has a history; `session_names` are what its id is called in a turn. With `request_ids` every answer, log record and provider call carries the id
    of its request; errors are bodies of `problem_media_type`. `statuses` may be answered to a turn; `forbidden_events` and `forbidden_texts` may not be in its log.
    `provider_calls_per_turn_max` is the retry budget: calls that the provider may see for one request.
    Of a session's earlier turns the provider is told the last `history_turns_max`; all, where that is None.
    `pooled_descriptors_max` is what the target's own pools may open after the warm-up. `fallback_reasons` are the
    words that an answer may give for a level that did not answer; `health_path` must answer within a second, and `ready_path`
    says by 200 or 503 whether the target can take work.
    With `sessions_outlive` what a session holds is there again when its process has ended and another is there.
    With `shutdown_logged` the last lines of a process that ends are in its log.
    `dropped_lines_metric` is the counter, on the page of its metrics, of log lines that it could not write,
    `in_flight_metric` the gauge of the requests that are being served, and `alarm_metrics` count the calls that the
    provider refused for good, a metric with or without labels each: `fallbacks_total{reason="unauthorized"}`.
    `reply_pointer` is the JSON pointer to the reply in the answer to a turn; its `confidence_field` is a number from 0 to 1. By `memory_growth_mb_max` MB (10^6 bytes)
    its processes may have grown when it is quiet again, and of each of many sessions `objects_per_session_max` objects may be left in the one that holds its app. A body of more than `body_bytes_max` bytes is refused with 413, and
    a turn of a session that nobody was given with `unknown_session_status`. With `message_text_private` no log line holds
    what a user wrote. `turns_in_flight_max` is how many turns it serves at once: of so many none is refused, and who comes over it is told at once.
    """

    turn_path: str
    deadline_s: float
    statuses: tuple[int, ...]
    turn_method: str = "POST"
    sessions: bool = True
    session_names: tuple[str, ...] = ()
    sessions_outlive: bool = True
    request_ids: bool = False
    problem_media_type: str | None = None
    completion_event: str | None = None
    response_metric: str | None = None
    forbidden_events: tuple[str, ...] = ()
    forbidden_texts: tuple[str, ...] = FORGOTTEN
    primary_method: str | None = None
    fallback_reasons: tuple[str, ...] = ()
    health_path: str | None = None
    ready_path: str | None = None
    provider_calls_per_turn_max: int = 4
    loop_lag_ms_max: float = 250.0
    recovery_s_max: float = 5.0
    pooled_descriptors_max: int = 0
    history_turns_max: int | None = None
    reply_pointer: str | None = None
    confidence_field: str | None = None
    dropped_lines_metric: str | None = None
    alarm_metrics: tuple[str, ...] = ()
    shutdown_logged: bool = False
    in_flight_metric: str | None = None
    memory_growth_mb_max: float | None = None
    objects_per_session_max: float | None = None
    body_bytes_max: int | None = None
    unknown_session_status: int | None = None
    message_text_private: bool = False
    turns_in_flight_max: int | None = None

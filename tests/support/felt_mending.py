"""Every fault of the registry as a test of its mending plays it, and the pairs and orders in which two overlap."""

from collections.abc import Iterator
from typing import Any

from harness.registry import FAULTS

HOUR_S = 3_600.0

MADE: dict[str, dict[str, Any]] = {
    "client.bad_framing": {},
    "client.chunked_body": {"size_bytes": 1000},
    "client.disconnect": {},
    "client.disconnect_mid_stream": {},
    "client.duplicate": {},
    "client.flood": {"count": 3},
    "client.foreign_session": {},
    "client.garbage_body": {},
    "client.header_abuse": {},
    "client.huge_body": {"size_bytes": 1000},
    "client.idle_connections": {"n": 2},
    "client.key_reuse": {},
    "client.parallel_turns": {},
    "client.poison": {},
    "client.slow_reader": {"slow_s": 0.01},
    "client.slowloris": {"n": 1, "byte_every_s": 0.001, "for_s": 0.01},
    "clock.jump": {},
    "clock.skew": {},
    "clock.strobe": {},
    "logs.closed_pipe": {},
    "logs.disk_full": {},
    "logs.full_pipe": {},
    "logs.sink_raises": {},
    "logs.slow_sink": {"delay_ms": 0.001},
    "loop.blocked": {"on": "request", "for_s": 0.001},
    "loop.cancel": {"at": 1},
    "loop.foreign": {},
    "loop.gil_burn": {"for_s": HOUR_S, "threads": 1},
    "loop.limiter_full": {"tokens": 10, "hold_s": HOUR_S},
    "loop.reorder": {},
    "loop.sync_entry": {},
    "loop.task_collected": {"gc_every_s": 0.001},
    "network.bandwidth": {"bytes_per_s": 200_000.0},
    "network.black_hole": {},
    "network.connect_hang": {},
    "network.drop_response": {"nth": 2},  # the first is asked under both
    "network.flap": {"down_s": HOUR_S},
    "network.half_close": {},
    "network.idle_close": {"idle_s": 1e-6},
    "network.latency": {"latency_ms": 2.0, "jitter_ms": 0.0},
    "network.limit_data": {},
    "network.refused": {},
    "network.reset": {},
    "network.slicer": {"gap_ms": 0.0},
    "network.slow_close": {"idle_s": 1e-6, "close_delay_ms": 5.0},
    "process.fd_limit": {},
    "process.kill": {"point": "between_turns", "down_s": 60.0},
    "process.pause": {},
    "process.restart": {"down_s": 0.0},
    "process.terminate": {"point": "between_turns", "down_s": 60.0},
    "provider.bad_score": {},
    "provider.client_error": {},
    "provider.content_filter": {},
    "provider.empty_answer": {},
    "provider.extra_reply": {},
    "provider.finish_length": {},
    "provider.headers_only": {"for_s": 0.002},
    "provider.huge_body": {"size_bytes": 10_000},
    "provider.late_reply": {"timeout_s": 0.001, "late_s": 0.001},
    "provider.low_score": {},
    "provider.malformed_json": {},
    "provider.no_reply": {"for_s": 0.002},
    "provider.pool_held": {"for_s": 0.002},
    "provider.rate_limited": {},
    "provider.refusal": {},
    "provider.reset_mid_body": {},
    "provider.schema_misfit": {},
    "provider.secret_echo": {},
    "provider.server_error": {},
    "provider.slow_drip": {"interval_s": 0.001, "chunk_bytes": 256},
    "provider.slow_first_byte": {"delay_s": 0.002},
    "provider.stream_cut": {},
    "provider.stream_error": {},
    "provider.stream_stall": {"for_s": 0.002},
    "provider.truncated_body": {},
    "store.commit_fails": {},
    "store.commit_uncertain": {},
    "store.corrupt_row": {},
    "store.crossed_reply": {},
    "store.disk_full": {},
    "store.down": {},
    "store.locked": {"hold_s": 0.001},
    "store.lost_write": {},
    "store.pool_exhausted": {"hold_s": 0.002},
    "store.queue_full": {"for_s": 0.002},
    "store.slow": {"read_s": 0.001, "write_s": 0.001, "commit_s": 0.001},
    "store.stale_read": {},
}
"""The faults that a bench carries, each with delays that a test can afford."""

SERVICE = "it takes a whole service that is started, and started anew:"
UNCARRIED = {
    "logs.long_lines": "it breaks nothing that would have to mend: it logs, in threads that end with it",
    "logs.rotation": "it takes a whole service and its log file, whose parts are joined when that has ended",
    "clock.unit": f"{SERVICE} with another deadline in its environment",
    "network.dns_failure": "it is played simulated only, by a link in process that has no listener to mend",
    "process.second_instance": f"{SERVICE} a second process on the store of the first",
    "process.worker_dead": f"{SERVICE} its own worker ends, and a new process is the mending",
    "store.conflict": f"{SERVICE} its writer is a second process on the store of the first",
}
"""The faults that no bench here carries, and why."""

PARTNERS = {
    "client": ("client.huge_body",),
    "clock": ("clock.jump",),
    "logs": ("logs.disk_full",),
    "loop": ("loop.cancel",),
    "network": (
        "network.limit_data",
        "network.refused",
    ),  # of what is done to bytes, and of what to the listener
    "process": ("process.kill",),
    "provider": ("provider.server_error",),
    "store": ("store.commit_fails",),
}
"""The faults of each plane that all others of it are paired with."""

ORDERS = ((0, 1), (1, 0))
"""Which of two that were entered leaves first, and which then."""


def made(name: str) -> Any:
    """The fault of that name."""
    kind: Any = FAULTS.get(name)
    return kind(**MADE[name])


def played(plane: str) -> list[str]:
    """The names of the faults that a bench of a plane carries; `clock.skew` is the provider's."""
    of_plane = [name for name in MADE if name.startswith(f"{plane}.")]
    if plane == "provider":
        return ["clock.skew", *of_plane]
    return [name for name in of_plane if name != "clock.skew"]


def pairs(name: str, plane: str) -> Iterator[tuple[str, str]]:
    """A fault with itself, and with each partner of its plane in both orders of entering."""
    yield name, name
    for partner in PARTNERS[plane]:
        if name != partner:
            yield name, partner
            yield partner, name

"""From what a run left, its records and its logs, to the report: the one way in which a load is judged."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.gates import LogTally, Observations, judge, success_criteria, watched_texts
from harness.history import Contract, LogRecord
from harness.load.journey import canary
from harness.load.recorder import Health, Recorded
from harness.load.report import LoadReport
from harness.logs import parse

LATE_SHARE_MAX = 0.01


def report(
    recorded: Recorded,
    log: Iterable[LogRecord] | None,
    *,
    contract: Contract,
    seed: int,
    users: int,
    replay: str,
    reasons: Iterable[str] = (),
) -> LoadReport:
    """Judge one run; `log` is None where there is none, `reasons` are what else speaks against the observation."""
    gates = success_criteria(contract, canary=canary(seed))
    tally = None if log is None else LogTally.of(log, contract, watched_texts(gates))
    results, unwitnessed = judge(gates, Observations(turns=recorded.turns, log=tally))
    began_s = min((turn.started_s for turn in recorded.turns), default=0.0)
    return LoadReport(
        seed=seed,
        requests=len(recorded.turns),
        users=users,
        elapsed_s=max((turn.ended_s for turn in recorded.turns), default=0.0) - began_s,
        gates=results,
        unwitnessed=unwitnessed,
        replay=replay,
        reasons=(*reasons, *doubts(recorded)),
    )


def doubts(recorded: Recorded) -> Iterable[str]:
    """What in the generator's own records speaks against them."""
    if not recorded.turns:
        yield "the generator recorded no turn"
    elif all(turn.status is None for turn in recorded.turns):
        yield f"not one turn was answered, and the first ended with {recorded.turns[0].error}: is the service there?"
    if recorded.health is None:
        yield "the generator did not come to its end: its records may be cut"
        return
    health: Health = recorded.health
    if health.sent != len(recorded.turns):
        yield f"{health.sent:,} turns were begun and {len(recorded.turns):,} recorded: some were cut off"
    if health.strangers:
        yield f"{health.strangers:,} answers did not carry the nonce of the target: another process answered"
    if health.late > LATE_SHARE_MAX * health.ticks:
        yield (
            f"the generator fell behind: its loop was late {health.late} times in {health.ticks}; "
            "take fewer users or a quieter machine"
        )


def log_records(paths: Mapping[str, Path], *, skipped_bytes: int = 0) -> Iterable[LogRecord]:
    """All lines of the logs, by source; the first `skipped_bytes` of each are from before the run."""
    for source, path in paths.items():
        with path.open("rb") as stream:
            stream.seek(skipped_bytes)
            yield from parse((line.decode(errors="replace") for line in stream), source=source)

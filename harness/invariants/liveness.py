"""Whether it lives: the loop turns, calls are let go, health returns, and nothing is left behind."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.history import (
    PROBES,
    PROCESS,
    PROVIDER,
    WIRE,
    Deadlocked,
    Exchange,
    FaultFired,
    History,
    Outage,
    Probe,
    UpstreamCall,
)
from harness.reading import as_promised, field, paused_s, starved_s
from harness.registry import invariant
from harness.verdict import Finding

RELEASE_S = 0.5
"""How long after its answer a request's provider call may still be in flight."""

SLOWER, SLOWER_MS = 3, 250
"""So many times as long as the slowest of the control, or so many ms longer, a golden turn may take: no machine is quite still."""

WARMED = ("provider.", "network.", "client.")
"""What these faults hold up the warm-up has held up too, or is a request more."""

SPARE = 2
"""So many threads and descriptors more may there be: a pool of something else that is opened late."""

MB = 1_000_000

NUMBER = re.compile(r"\d+")
"""What differs between the names of two threads, or sockets, of one kind."""

NAMES_MAX = 5
"""So many names are enough to see what was left."""


@invariant("liveness.no_deadlock", witnesses={WIRE})
def no_deadlock(history: History) -> Iterable[Finding]:
    """There is always something that can go on, now or at a later time; only a simulated run can know that there is not."""
    for record in history.of(Deadlocked):
        first, _, rest = record.report.partition("\n")
        yield Finding(message=first, evidence=rest)


@invariant("liveness.loop_responsive", witnesses={PROBES})
def loop_responsive(history: History) -> Iterable[Finding]:
    """The target's event loop is never late by more than the contract allows, beyond how late the harness itself was.

    Nor is it late for as long as it was paused since the probe before.
    """
    header, since_s = history.header, 0.0
    limit_ms = header.contract.loop_lag_ms_max + header.harness_lag_ms_max
    probes = [probe for probe in history.of(Probe) if probe.phase != "baseline"]
    if not probes:
        yield Finding(message="the target was never probed", evidence="no probe after the baseline")
    for probe in probes:
        lag_ms = probe.loop_lag_ms_max - 1000 * paused_s(history, since_s, probe.at_s)
        doubtful = lag_ms - limit_ms <= 1000 * starved_s(history, since_s, probe.at_s)
        since_s = probe.at_s
        if lag_ms > limit_ms:
            message = f"the event loop stood still for {lag_ms:.0f} ms, {limit_ms:.0f} ms allowed"
            yield Finding(
                message=message, evidence=f"probe {probe.phase} at {probe.at_s:.3f} s", doubtful=doubtful
            )


@invariant("liveness.provider_call_released", witnesses={WIRE, PROVIDER})
def provider_call_released(history: History) -> Iterable[Finding]:
    """A provider call ends with its request: none outlives the deadline, or the answer that it was made for.

    While the target is paused it can end none.
    """
    header = history.header
    slack_s = header.harness_lag_ms_max / 1000
    turns = {turn.request_id: turn for turn in history.turns}
    for call in history.calls:
        lasted_s = call.ended_s - call.at_s - paused_s(history, call.at_s, call.ended_s)
        limit_s = header.contract.deadline_s * 1.1 + slack_s
        turn = turns.get(call.request_id or "")
        if lasted_s > limit_s:
            yield Finding(
                message=f"not cancelled: in flight for {lasted_s:.2f} s, {limit_s:.2f} s allowed",
                evidence=str(call),
                doubtful=lasted_s - limit_s <= starved_s(history, call.at_s, call.ended_s),
            )
            continue
        if turn is None or call.ended_s <= turn.ended_s:
            continue
        over_s = call.ended_s - turn.ended_s - paused_s(history, turn.ended_s, call.ended_s)
        if over_s > RELEASE_S + slack_s:
            yield Finding(
                message=f"still in flight {over_s:.2f} s after its answer",
                evidence=str(call),
                doubtful=over_s - RELEASE_S - slack_s <= starved_s(history, turn.ended_s, call.ended_s),
            )


@invariant("liveness.recovers", witnesses={WIRE})
def recovers(history: History) -> Iterable[Finding]:
    """After the faults are healed, conversations, old and fresh, are answered as promised within the contract's time.

    The time runs from the last firing or the end of the last outage, but not before the first golden turn, since
    nobody asks before; it ends where the first golden turn begins that is answered as promised. The last one of a fresh
    conversation must be about as swift as those of the control, which are of one too: who waits in an old one for what
    was left there may still get well.
    """
    contract, slack_s = history.header.contract, history.header.harness_lag_ms_max / 1000
    golden = [exchange for exchange in history.turns if exchange.role == "golden"]
    if not golden:
        return
    healthy = [turn for turn in golden if as_promised(turn, contract.primary_method)]
    if golden[-1] not in healthy:
        last = golden[-1]
        said = f"{last.status}, by {method}" if (method := field(last, "method")) else f"{last.status}"
        message = (
            f"no healthy answer when the faults were over: in session {last.session} the last one is {said}"
        )
        yield Finding(message=message, evidence=str(golden[-1]))
        return
    since_s = [golden[0].at_s, *(fired.at_s for fired in history.of(FaultFired))]
    since_s += [outage.ended_s for outage in history.of(Outage)]
    took_s = healthy[0].at_s - max(since_s)
    if took_s > contract.recovery_s_max + slack_s:
        message = f"healthy again after {took_s:.2f} s, promised within {contract.recovery_s_max:.2f} s"
        over_s = took_s - contract.recovery_s_max - slack_s
        doubtful = over_s <= starved_s(history, max(since_s), healthy[0].at_s)
        yield Finding(message=message, evidence=str(healthy[0]), doubtful=doubtful)
    yield from _slow(golden, history)


def _slow(golden: list[Exchange], history: History) -> Iterable[Finding]:
    """The last fresh golden turn, where it took longer than those of the control can explain; nothing without a control."""
    held = {turn.session for turn in history.turns if turn.role == "turn"}
    fresh = [turn for turn in golden if turn.session not in held]
    if not fresh or not history.header.control_golden_ms:
        return
    control_ms, took_ms = max(history.header.control_golden_ms), 1000 * fresh[-1].elapsed_s
    limit_ms = max(control_ms * SLOWER, control_ms + SLOWER_MS) + history.header.harness_lag_ms_max
    if took_ms > limit_ms:
        message = f"healthy, but slow: {took_ms:.0f} ms, {control_ms:.0f} ms without a fault, {limit_ms:.0f} ms allowed"
        doubtful = took_ms - limit_ms <= 1000 * starved_s(history, fresh[-1].at_s, fresh[-1].ended_s)
        yield Finding(message=message, evidence=str(fresh[-1]), doubtful=doubtful)


@invariant("liveness.quiescent", witnesses={PROCESS, WIRE}, at_rest=True)
def quiescent(history: History) -> Iterable[Finding]:
    """When it is quiet, no provider call is in flight, threads and descriptors are back at the baseline or in its pools.

    The baseline is that of the first process, whose pools the warm-up has filled for as many requests as it had calls to the
    provider in flight. A pool may keep what the peak of the run needed beyond that: two threads (that of a `def` route, and
    that of a pool behind it) and two descriptors (its client's connection and the provider's) for each request or call more
    that was in flight at once; one for each of the steps' requests that are no turns, of which the warm-up has none; and where
    anything but the provider, its link and the clients is broken, two for each of all, since other pools wait for other things, and
    SQLite keeps a file open while another connection of the process holds a lock on it. A process that was started since
    has no reason for more. What is lent of the limiter of worker threads is given back.
    """
    base_s = min((probe.at_s for probe in history.of(Probe) if probe.phase == "baseline"), default=0.0)
    warm = _peak(call for call in history.calls if call.at_s < base_s)
    peak = max(_peak(history.exchanges), _peak(history.calls))
    beyond = max(0, peak - warm)
    turn_path = history.header.contract.turn_path
    more = (
        SPARE
        + 2 * beyond
        + _peak(one for one in history.exchanges if one.path != turn_path and one.role != "warmup")
    )
    if not all(name.startswith(WARMED) for name in history.header.declared):
        more = max(more, 2 * peak)
    allowed = {"threads": more, "descriptors": more + history.header.contract.pooled_descriptors_max}
    yield from _left(history, {**allowed, "provider_in_flight": 0, "limiter_tokens": 0})


@invariant("liveness.quiescent_tasks", witnesses={PROBES, WIRE}, at_rest=True)
def quiescent_tasks(history: History) -> Iterable[Finding]:
    """When it is quiet, there are no more tasks than at the baseline, in whichever process is there then."""
    yield from _left(history, {"tasks": 0})


@invariant(
    "liveness.memory_bounded", witnesses={PROCESS, WIRE}, promises=("memory_growth_mb_max",), at_rest=True
)
def memory_bounded(history: History) -> Iterable[Finding]:
    """When it is quiet, the target holds no more main memory than at the baseline and what it may have grown by.

    Nothing is said where one of the two was not read, as where the target is in the harness's own process.
    """
    probes = {probe.phase: probe for probe in history.of(Probe) if probe.memory_bytes}
    base, quiet, most_mb = (
        probes.get("baseline"),
        probes.get("quiet"),
        history.header.contract.memory_growth_mb_max,
    )
    if base is None or quiet is None or most_mb is None:
        return
    grown_mb = (quiet.memory_bytes - base.memory_bytes) / MB
    if grown_mb > most_mb:
        message = f"grown by {grown_mb:.0f} MB, {most_mb:.0f} MB allowed"
        yield Finding(
            message=message, evidence=f"probe quiet at {quiet.at_s:.3f} s: {quiet.memory_bytes / MB:.0f} MB"
        )


def _left(history: History, more_max: Mapping[str, int]) -> Iterable[Finding]:
    """What there is more of when it is quiet than at the baseline, beyond how much more there may be."""
    probes = {probe.phase: probe for probe in history.of(Probe)}
    base, quiet = probes.get("baseline"), probes.get("quiet")
    if base is None or quiet is None:
        yield Finding(message="the target was never probed", evidence="no probe of phase baseline or quiet")
        return
    for name, more in more_max.items():
        left = getattr(quiet, name)
        most = more if name == "provider_in_flight" else getattr(base, name) + more
        if left > most:
            message = f"{left} {name} left, {most} allowed"
            evidence = f"probe quiet at {quiet.at_s:.3f} s{_more(base, quiet, name)}"
            yield Finding(message=message, evidence=evidence)


def _more(base: Probe, quiet: Probe, kind: str) -> str:
    """What of a kind there is more of than at the baseline, by name, the most first; nothing where no names are known."""
    now, then = (Counter(NUMBER.sub("N", name) for name in one.names.get(kind, ())) for one in (quiet, base))
    more = [f"{name} x {count}" if count > 1 else name for name, count in (now - then).most_common(NAMES_MAX)]
    return f"; more than at the baseline: {', '.join(more)}" if more else ""


def _peak(held: Iterable[Exchange | UpstreamCall]) -> int:
    """How many requests, or calls, were in flight at once, at most."""
    edges = [edge for one in held for edge in ((one.at_s, 1), (one.ended_s, -1))]
    now = most = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most

"""Whether it lives: the loop turns, calls are let go, health returns, and nothing is left behind."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import PROBES, PROVIDER, WIRE, Deadlocked, History, Probe
from harness.registry import invariant
from harness.verdict import Finding

RELEASE_S = 0.5
"""How long after its answer a request's provider call may still be in flight."""


@invariant("liveness.no_deadlock", witnesses={WIRE})
def no_deadlock(history: History) -> Iterable[Finding]:
    """There is always something that can go on, now or at a later time; only a simulated run can know that there is not."""
    for record in history.of(Deadlocked):
        first, _, rest = record.report.partition("\n")
        yield Finding(message=first, evidence=rest)


@invariant("liveness.loop_responsive", witnesses={PROBES})
def loop_responsive(history: History) -> Iterable[Finding]:
    """The target's event loop is never late by more than the contract allows, beyond how late the harness itself was."""
    header = history.header
    limit_ms = header.contract.loop_lag_ms_max + header.harness_lag_ms_max
    probes = [probe for probe in history.of(Probe) if probe.phase != "baseline"]
    if not probes:
        yield Finding(message="the target was never probed", evidence="no probe after the baseline")
    for probe in probes:
        if probe.loop_lag_ms_max > limit_ms:
            message = (
                f"the event loop stood still for {probe.loop_lag_ms_max:.0f} ms, {limit_ms:.0f} ms allowed"
            )
            yield Finding(message=message, evidence=f"probe {probe.phase} at {probe.at_s:.3f} s")


@invariant("liveness.provider_call_released", witnesses={WIRE, PROVIDER})
def provider_call_released(history: History) -> Iterable[Finding]:
    """A provider call ends with its request: none outlives the deadline, or the answer that it was made for."""
    header = history.header
    slack_s = header.harness_lag_ms_max / 1000
    turns = {turn.request_id: turn for turn in history.turns}
    for call in history.calls:
        lasted_s = call.ended_s - call.at_s
        limit_s = header.contract.deadline_s * 1.1 + slack_s
        turn = turns.get(call.request_id or "")
        if lasted_s > limit_s:
            yield Finding(
                message=f"not cancelled: in flight for {lasted_s:.2f} s, {limit_s:.2f} s allowed",
                evidence=str(call),
            )
        elif turn is not None and call.ended_s > turn.ended_s + RELEASE_S + slack_s:
            yield Finding(
                message=f"still in flight {call.ended_s - turn.ended_s:.2f} s after its answer",
                evidence=str(call),
            )


@invariant("liveness.recovers", witnesses={WIRE})
def recovers(history: History) -> Iterable[Finding]:
    """After the faults are healed, a fresh conversation is answered as promised within the time of the contract."""
    contract = history.header.contract
    golden = [exchange for exchange in history.turns if exchange.role == "golden"]
    for exchange in golden[-1:]:
        method = exchange.body.get("method") if isinstance(exchange.body, dict) else None
        if exchange.status != HTTPStatus.OK or (
            contract.primary_method is not None and method != contract.primary_method
        ):
            message = f"no healthy answer when the faults were over: the last one is by {method}"
            yield Finding(message=message, evidence=str(exchange))


@invariant("liveness.quiescent", witnesses={PROBES, WIRE})
def quiescent(history: History) -> Iterable[Finding]:
    """When it is quiet, tasks and provider calls are back at the baseline, threads and descriptors within its pools.

    A pool may keep what the peak of the run needed: one thread, and two descriptors (its client's connection and the
    provider's), for each request that was in flight at once.
    """
    probes = {probe.phase: probe for probe in history.of(Probe)}
    base, quiet = probes.get("baseline"), probes.get("quiet")
    if base is None or quiet is None:
        yield Finding(message="the target was never probed", evidence="no probe of phase baseline or quiet")
        return
    peak = _peak(history)
    allowed = {
        "tasks": base.tasks,
        "threads": base.threads + peak,
        "descriptors": base.descriptors + 2 * peak + history.header.contract.pooled_descriptors_max,
        "provider_in_flight": 0,
    }
    for name, most in allowed.items():
        if (left := getattr(quiet, name)) > most:
            yield Finding(
                message=f"{left} {name} left, {most} allowed", evidence=f"probe quiet at {quiet.at_s:.3f} s"
            )


def _peak(history: History) -> int:
    """How many requests were in flight at once, at most."""
    edges = [(exchange.at_s, 1) for exchange in history.exchanges]
    edges += [(exchange.ended_s, -1) for exchange in history.exchanges]
    now = most = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most

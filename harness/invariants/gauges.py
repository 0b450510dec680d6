"""What a service counts of itself: what it says is in flight must be back at rest when nothing is."""

from collections.abc import Iterable

from harness.history import PROBES, SNAPSHOTS, History, Probe, Snapshot
from harness.reading import samples
from harness.registry import invariant
from harness.verdict import Finding

ITSELF = 1
"""The request that reads the gauge may be counted in it."""


@invariant(
    "liveness.gauge_at_rest", witnesses={SNAPSHOTS, PROBES}, promises=("in_flight_metric",), at_rest=True
)
def gauge_at_rest(history: History) -> Iterable[Finding]:
    """When it is quiet, the gauge of the requests in flight counts none but the one that reads it.

    A place that a request took and did not give back stays counted: a service that admits so many at once has then
    fewer of them, and in the end none (litellm#20256). What was read before it was quiet is not judged.
    """
    metric = history.header.contract.in_flight_metric or ""
    quiet_s = [probe.at_s for probe in history.of(Probe) if probe.phase == "quiet"]
    if not quiet_s:
        return
    for snapshot in history.of(Snapshot):
        if snapshot.at_s >= quiet_s[-1]:
            counted = sum(samples(snapshot, metric))
            if counted > ITSELF:
                message = f"{metric} counts {counted:g} requests in flight, and nobody has asked anything"
                yield Finding(message=message, evidence=f"snapshot metrics at {snapshot.at_s:.3f} s")

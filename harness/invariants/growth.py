"""Whether what was made for somebody is gone when he is: registries, caches and locks that only ever grow."""

from collections.abc import Iterable

from harness.history import PROBES, WIRE, History, Probe
from harness.registry import invariant
from harness.verdict import Finding


@invariant("liveness.no_growth", witnesses={PROBES, WIRE}, promises=("objects_growth_max",))
def no_growth(history: History) -> Iterable[Finding]:
    """When it is quiet, the target holds hardly more objects than at the baseline, however many conversations there were.

    Counted are those of classes, so that a lock, a context or a task for each conversation is seen, and a dictionary of
    plain values is not. Nothing is said where one of the two was not counted.
    """
    probes = {probe.phase: probe for probe in history.of(Probe) if probe.objects}
    base, quiet, most = (
        probes.get("baseline"),
        probes.get("quiet"),
        history.header.contract.objects_growth_max,
    )
    if base is None or quiet is None or most is None:
        return
    grown = quiet.objects - base.objects
    if grown > most:
        sessions = len({turn.session for turn in history.turns})
        message = f"{grown} objects more after {sessions} conversations, {most} allowed"
        yield Finding(message=message, evidence=f"probe quiet at {quiet.at_s:.3f} s: {quiet.objects}")

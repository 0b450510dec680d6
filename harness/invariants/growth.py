"""Whether what was made for somebody is gone when he is: registries, caches and locks that only ever grow."""

from collections.abc import Iterable

from harness.history import PROBES, WIRE, History, Outage, Probe
from harness.reading import RESTART
from harness.registry import invariant
from harness.verdict import Finding

ONCE = 200
"""So many objects more a process may have for what it did for the first time, such as to meet an error."""


@invariant(
    "liveness.no_growth", witnesses={PROBES, WIRE}, promises=("objects_per_session_max",), at_rest=True
)
def no_growth(history: History) -> Iterable[Finding]:
    """When it is quiet, hardly anything is left of the sessions that were held, however many they were.

    Counted are the objects of classes, so that a lock, a context or a task for each session is seen, and a dictionary
    of plain values is not. Nothing is said where they were not counted, as with few sessions, nor of a process that was
    started meanwhile.
    """
    probes = {probe.phase: probe for probe in history.of(Probe) if probe.objects or probe.phase == RESTART}
    base, quiet, each = (
        probes.get("baseline"),
        probes.get("quiet"),
        history.header.contract.objects_per_session_max,
    )
    if base is None or quiet is None or each is None or RESTART in probes or history.of(Outage):
        return
    sessions = len({turn.session for turn in history.turns if turn.role == "turn"})
    left, most = quiet.objects - base.objects, ONCE + int(each * sessions)
    if left > most:
        message = f"{left} objects left of {sessions} sessions, {most} allowed"
        yield Finding(message=message, evidence=f"probe quiet at {quiet.at_s:.3f} s: {quiet.objects}")

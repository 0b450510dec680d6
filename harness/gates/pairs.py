"""Turns and the event that each of them owes, matched by request id: a doubled event does not stand in for a missing one."""

from dataclasses import dataclass, field

from harness.gates.timeline import Timeline

PAIRED = "paired"
"""The kind of a timeline that turns are which have an event of their own, at the time of the turn."""
WAITING_MAX = 65_536
"""So many ids wait for their other half at most; the oldest is given up where there would be more."""


@dataclass(slots=True, kw_only=True)
class Pairs:
    """Turns that have an event of their own; `answered` of them were settled. Either half of a pair may come first.

    `named` turns have an id, `unnamed` turns and events have none. `lost` waited for too long.
    """

    timeline: Timeline
    found: int = 0
    answered: int = 0
    named: int = 0
    unnamed: int = 0
    lost: int = 0
    events: dict[str, None] = field(default_factory=dict)
    turns: dict[str, float | None] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether every turn and every event could be matched: else only their totals can be compared."""
        return self.named > 0 and not (self.unnamed or self.lost)

    def turn(self, request_id: str | None, at_s: float | None, *, settled: bool) -> None:
        """Match a turn that owes an event; one that was not settled has it by now or never."""
        if request_id is None:
            self.unnamed += 1
            return
        self.named += 1
        if request_id in self.events:
            del self.events[request_id]
            self._pair(at_s, settled=settled)
        elif settled:
            self.turns[request_id] = at_s
            self._bound(self.turns)

    def event(self, request_id: str | None) -> None:
        """Match an event; the second one of the same turn counts for nothing."""
        if request_id is None:
            self.unnamed += 1
        elif request_id in self.turns:
            self._pair(self.turns.pop(request_id), settled=True)
        else:
            self.events[request_id] = None
            self._bound(self.events)

    def _pair(self, at_s: float | None, *, settled: bool) -> None:
        """Count a pair."""
        self.found += 1
        self.answered += settled
        if at_s is not None:
            self.timeline.add(PAIRED, at_s)

    def _bound(self, waiting: dict[str, None] | dict[str, float | None]) -> None:
        """Give up the oldest where too many wait."""
        if len(waiting) > WAITING_MAX:
            del waiting[next(iter(waiting))]
            self.lost += 1

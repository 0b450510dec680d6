"""A gate on what is to increase: the second half of a log against the first."""

from dataclasses import dataclass

from harness.gates.differences import events_by_turn
from harness.gates.log_counts import OWING, LogCounts
from harness.gates.pairs import PAIRED
from harness.gates.result import GateResult, Unit, absent
from harness.gates.timeline import Half
from harness.verdict import Verdict

LEAST_EFFECT = 0.05
"""A change of less than 5 % of what was before is none that anybody would act on, however well it is proven."""

TOTALS = "only totals could be compared, as not every record has a request id"
COMPLETE = "every answered turn has one"
ENOUGH = "there are as many as answered turns"

NO_CLOCK = "its turns have no times: give the log of the time before as --baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Increases:
    """The event is told of more turns in the second half of the log than in the first, or of all that owe it.

    By turn that owes one, so that more traffic is no better service, and matched by request id where all have one. Exact
    test at level `alpha`, two-sided: a fall is looked for as well as a rise.
    """

    event: str
    alpha: float = 0.05
    least_effect: float = LEAST_EFFECT

    @property
    def name(self) -> str:
        """`log("intent_classification_success") increases`."""
        return f'log("{self.event}") increases'

    def judge(self, log: LogCounts) -> GateResult:
        """Hold half against half; without times, or within one moment, there are none."""
        if not log.owing:
            return absent(self.name, 0, Unit.SHARE)
        if not log.timed:
            return absent(self.name, 0, Unit.SHARE, NO_CLOCK)
        halves = log.timeline.halves(OWING)
        if halves is None:
            why = "all turns are of one moment: give the log of the time before as --baseline"
            return absent(self.name, 0, Unit.SHARE, why)
        return self._compared(log, *halves)

    def _compared(self, log: LogCounts, before: Half, after: Half) -> GateResult:
        """The result for two halves, each with turns in it."""
        kind = PAIRED if log.pairs.exact else self.event
        was, now = (half.counted[kind] / half.counted[OWING] for half in (before, after))
        p_value = events_by_turn(
            after.counted[kind], after.counted[OWING], before.counted[kind], before.counted[OWING]
        )
        per_minute = " then ".join(f"{half.per_minute(self.event):.4g}" for half in (before, after))
        told = f"{was:.4g} then {now:.4g} by turn, {per_minute} by minute, p = {p_value:.2g}"
        told += "" if log.pairs.exact else f"; {TOTALS}"
        if log.complete:
            told += f"; {COMPLETE if log.pairs.exact else ENOUGH}: it cannot increase"
        return GateResult(
            name=self.name,
            verdict=self._verdict(was, now, p_value, complete=log.complete),
            observed=now,
            bound=now,
            limit=was,
            unit=Unit.SHARE,
            message=told,
        )

    def _verdict(self, was: float, now: float, p_value: float, *, complete: bool) -> Verdict:
        """A fall fails, a rise passes; so does what is complete already. Neither of them is undecided."""
        proven = p_value < self.alpha
        if proven and now < was * (1 - self.least_effect):
            return Verdict.FAILED
        risen = proven and now > was * (1 + self.least_effect)
        return Verdict.PASSED if risen or complete else Verdict.UNDECIDED

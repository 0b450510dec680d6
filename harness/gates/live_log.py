"""The gates of a log that is still written: they may be looked at after every line, and what they say first stands."""

from dataclasses import dataclass, field

from harness.gates.log_counts import LogCounts, Requests
from harness.gates.monitoring import Never, with_untold, zero_tolerance
from harness.gates.result import GateResult, Unit, absent
from harness.gates.sequential import RateTest
from harness.history import Contract, LogRecord
from harness.verdict import Verdict


@dataclass(slots=True, kw_only=True)
class LiveLog:
    """Counts a log line by line until its error rate is decided, or something that may not be is seen.

    The test counts turns alone, and each source by itself from the first line to the last: what it counts must not change
    under it. A pass needs both where access lines tell of more errors, a fail only one: two tests, each at its own level.
    """

    contract: Contract
    test: RateTest = field(default_factory=RateTest)
    counts: LogCounts = field(init=False)
    gates: tuple[Never, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is counted yet."""
        self.counts = LogCounts(contract=self.contract)
        self.gates = zero_tolerance(self.contract)

    @property
    def decided(self) -> bool:
        """Whether no further line is needed; never before a line was of the service."""
        if not self.counts.own:
            return False
        rate = self._rate()
        if rate is Verdict.PASSED and not self.counts.untold_anywhere:
            return True
        return rate is Verdict.FAILED or any(gate.count(self.counts) for gate in self.gates)

    @property
    def turns(self) -> Requests:
        """What the test counts: completion events where the contract has them, else access lines, of its turn path."""
        return self.counts.turns if self.contract.completion_event else self.counts.access_turns

    def add(self, record: LogRecord) -> None:
        """Count one record; not to be called again once it is decided."""
        self.counts.add(record)

    def results(self) -> tuple[GateResult, ...]:
        """The gates by what was seen so far."""
        return (self._error_rate(), *(gate.judge(self.counts) for gate in self.gates))

    @property
    def _source(self) -> str:
        """What the test waits for."""
        return f"{self.contract.completion_event or 'access line'} of {self.contract.turn_path}"

    def _rate(self) -> Verdict:
        """What is decided of the error rate; access lines that tell of more errors are a witness of their own."""
        both = {self._of(one) for one in self._sources}
        return next(one for one in (Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED) if one in both)

    @property
    def _sources(self) -> tuple[Requests, ...]:
        """What is counted: turns by their own source, and by access lines where these tell of more errors."""
        access = self.counts.access_turns
        return (self.turns, access) if access.errors > self.turns.errors else (self.turns,)

    def _of(self, requests: Requests) -> Verdict:
        """What the test says by one source."""
        return self.test.verdict(requests.errors, requests.count)

    @property
    def _undone(self) -> int:
        """How many requests name no status, where these would undo a pass if they had failed."""
        untold = self.counts.untold
        worst = self.test.verdict(self.turns.errors + untold, self.turns.count + untold)
        return 0 if worst is Verdict.PASSED else untold

    def _error_rate(self) -> GateResult:
        """The sequential test as a gate; it has no bound but its two rates."""
        verdict, test = self._rate(), self.test
        shown = next(one for one in reversed(self._sources) if self._of(one) is verdict)
        errors, requests = shown.errors, shown.count
        name = f"error_rate < {test.limit * 100:g}%, sequential"
        if not requests:
            return absent(name, test.limit, Unit.SHARE, f"no {self._source} was seen yet")
        missing = test.missing(errors, requests) if verdict is Verdict.UNDECIDED else None
        rather = (
            f"rather {test.better * 100:g}% or less"
            if verdict is Verdict.PASSED
            else f"rather {test.worse * 100:g}% or more"
        )
        told = f"{errors:,} of {requests:,} requests failed"
        if shown is not self.turns:
            told += f" by the access lines, {self.turns.errors:,} by {self.contract.completion_event}"
        result = GateResult(
            name=name,
            verdict=verdict,
            observed=errors / requests,
            bound=None,
            limit=test.limit,
            unit=Unit.SHARE,
            message=f"{told}; {missing:,} more good requests would pass it"
            if missing is not None
            else f"{told}: {rather}",
            missing=missing,
        )
        return with_untold(result, self._undone)

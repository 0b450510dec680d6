"""The monitoring plan of a service as gates over its log, with no run at all. What a log cannot say is never a pass."""

import math
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

from harness.gates.estimates import decided, more, share_below
from harness.gates.histogram import Histogram
from harness.gates.log_counts import CONTRADICTION, SERVER_ERROR_TEXT, LogCounts, most_common
from harness.gates.log_fields import CLASSIFIED
from harness.gates.log_trend import Increases
from harness.gates.result import ABSENT, GateResult, Unit, absent
from harness.gates.statistics import errors_allowed, errors_refuting, lower_bound, upper_bound
from harness.history import Contract
from harness.verdict import Verdict

UNTIMED = (
    "no completion event says how long it took: log duration_ms, or leave this gate out by --without latency"
)


class LogGate(Protocol):
    """A criterion as data, judged on the counts of a log alone."""

    @property
    def name(self) -> str:
        """The criterion in words that a report prints."""

    def judge(self, log: LogCounts) -> GateResult:
        """Hold the counts to the criterion; pure."""


def monitoring_plan(contract: Contract) -> tuple[LogGate, ...]:
    """The gates of a service with this contract; what it does not promise is not asked."""
    gates: list[LogGate] = [MostlyGood(), FewErrors(), FastEnough()]
    if contract.primary_method is not None:
        gates += [MostlyPrimary(method=contract.primary_method), Increases(event=CLASSIFIED)]
    return (*gates, *zero_tolerance(contract))


def with_untold(result: GateResult, untold: int) -> GateResult:
    """The result of a gate on statuses, but no pass where so many requests name none and one of them would undo it."""
    if not untold or result.verdict is not Verdict.PASSED:
        return result
    told = f"{result.message}; {untold:,} completion events name no status: they may have failed"
    return replace(result, verdict=Verdict.UNDECIDED, message=told)


def without_turns(result: GateResult, *logs: LogCounts) -> GateResult:
    """The result of a gate, but no pass where a log has requests of other paths alone: they say nothing of its turns."""
    elsewhere = next((log for log in logs if log.elsewhere), None)
    if elsewhere is None or result.verdict is not Verdict.PASSED:
        return result
    told = f"{result.message}; no request is of {elsewhere.contract.turn_path}"
    return replace(result, verdict=Verdict.UNDECIDED, message=told)


def zero_tolerance(contract: Contract) -> tuple["Never", ...]:
    """The gates that one line fails: forbidden events and texts, an answered 500, and a record that contradicts itself."""
    promised = contract.completion_event
    names = [*contract.forbidden_events, SERVER_ERROR_TEXT]
    gates = [Never(names=(name,)) for name in names]
    if promised:
        ended = f"{promised} status_code={HTTPStatus.INTERNAL_SERVER_ERROR}"
        gates += [Never(names=(name,), of_statuses=True) for name in (ended, CONTRADICTION)]
    if contract.forbidden_texts:
        gates.append(Never(names=contract.forbidden_texts, label="forbidden texts"))
    return tuple(gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class MostlyGood:
    """More than `limit` of the requests ended with a status of the 200s, proven at level `alpha`."""

    limit: float = 0.5
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`share(2xx) > 50%`."""
        return f"share(2xx) > {self.limit * 100:g}%"

    def judge(self, log: LogCounts) -> GateResult:
        """Count by completion events, else by access lines; show both."""
        requests = log.requests
        told = f"completion events: {log.completions}; access lines: {log.access}"
        good, count, untold = requests.of_class(2), requests.count, log.untold
        least = _most(self.name, (good, count + untold), self.limit, self.alpha, told)
        result = _most(self.name, (good, count), self.limit, self.alpha, told)
        return with_untold(result, 0 if least.verdict is Verdict.PASSED else untold)


@dataclass(frozen=True, slots=True, kw_only=True)
class MostlyPrimary:
    """More than `limit` of the classified turns were classified by `method`, proven at level `alpha`."""

    method: str
    limit: float = 0.5
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`share(method=conversation_aware) > 50%`."""
        return f"share(method={self.method}) > {self.limit * 100:g}%"

    def judge(self, log: LogCounts) -> GateResult:
        """Count the methods that the classifications name."""
        counted = log.methods[self.method], log.methods.total()
        return _most(self.name, counted, self.limit, self.alpha, most_common(log.methods))


@dataclass(frozen=True, slots=True, kw_only=True)
class FewErrors:
    """The share of requests that ended with a 5xx, or whose answer broke off, is below `limit`, proven at level `alpha`."""

    limit: float = 0.001
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`error_rate < 0.1%`."""
        return f"error_rate < {self.limit * 100:g}%"

    def judge(self, log: LogCounts) -> GateResult:
        """Exact one-sided bounds on the share; where access lines tell of more errors than completion events, on theirs."""
        errors, requests = log.failures.errors, log.failures.count
        if not requests:
            return absent(self.name, self.limit, Unit.SHARE)
        untold = log.untold
        most = share_below(self.name, (errors + untold, requests + untold), self.limit, self.alpha)
        result = share_below(self.name, (errors, requests), self.limit, self.alpha)
        if log.failures is not log.requests:
            told = f"{result.message}; by the access lines: completion events tell of {log.requests.errors:,}"
            return replace(result, message=told)
        return with_untold(result, 0 if most.verdict is Verdict.PASSED else untold)


@dataclass(frozen=True, slots=True, kw_only=True)
class FastEnough:
    """The `share` quantile of the response time is below `limit_s` seconds, proven at level `alpha`; errors count as over."""

    limit_s: float = 2.0
    share: float = 0.99
    alpha: float = 0.05

    @property
    def name(self) -> str:
        """`latency p99 < 2 s`."""
        return f"latency p{self.share * 100:g} < {self.limit_s:g} s"

    def judge(self, log: LogCounts) -> GateResult:
        """Count those over the limit; the quantile and its bound are exact to the width of a bucket."""
        requests = log.completions
        if not requests.timed:
            return absent(self.name, self.limit_s, Unit.SECONDS, UNTIMED if log.requests.count else ABSENT)
        verdict, missing = decided(requests.slow, requests.timed, 1 - self.share, self.alpha)
        counting = errors_refuting if verdict is Verdict.FAILED else errors_allowed
        above = counting(1 - self.share, requests.timed, self.alpha)
        rank = None if above is None else requests.timed - above + (verdict is Verdict.FAILED)
        whole = requests.durations.all
        result = GateResult(
            name=self.name,
            verdict=verdict,
            observed=_at(whole, math.ceil(self.share * requests.timed)),
            bound=None if rank is None else _at(whole, rank),
            limit=self.limit_s,
            unit=Unit.SECONDS,
            message=f"{requests.slow:,} of {requests.timed:,} requests failed or took {self.limit_s:g} s or more; "
            f"the slowest good one {requests.slowest_s:.3g} s" + more(missing),
            missing=missing,
        )
        untold = log.untold
        most, _ = decided(requests.slow + untold, requests.timed + untold, 1 - self.share, self.alpha)
        return with_untold(result, 0 if most is Verdict.PASSED else untold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """What is counted under any of the names is not in the log; `label` stands for many of them.

    `of_statuses` says that it is counted by the statuses of completion events.
    """

    names: tuple[str, ...]
    label: str = ""
    of_statuses: bool = False

    @property
    def name(self) -> str:
        """`log("EVENT") == 0`."""
        shown = self.label or f'"{self.names[0]}"'
        return f"log({self.names[0] if self.names == (CONTRADICTION,) else shown}) == 0"

    def count(self, log: LogCounts) -> int:
        """How often any of them was seen."""
        return sum(log.seen[name] for name in self.names)

    def judge(self, log: LogCounts) -> GateResult:
        """Count it. A log without requests, or one in which none says whether it succeeded, cannot clear anybody."""
        count = self.count(log)
        requests = log.completions if self.of_statuses else log.requests
        heard = log.claimed if self.names == (CONTRADICTION,) else requests.count
        if not (count or heard):
            return absent(self.name, 0, Unit.COUNT)
        result = GateResult(
            name=self.name,
            verdict=Verdict.FAILED if count else Verdict.PASSED,
            observed=count,
            bound=count,
            limit=0,
            unit=Unit.COUNT,
            message=f"{count:,} in {log.lines:,} records",
            evidence=next((log.examples[name] for name in self.names if log.seen[name]), ""),
        )
        return with_untold(result, log.untold_anywhere if self.of_statuses else 0)


def _most(name: str, seen: tuple[int, int], limit: float, alpha: float, told: str) -> GateResult:
    """The result for a share, the good of all that were seen, of which more than `limit` is wanted."""
    good, count = seen
    if not count:
        return absent(name, limit, Unit.SHARE)
    verdict, missing = decided(count - good, count, 1 - limit, alpha)
    proves = upper_bound if verdict is Verdict.FAILED else lower_bound
    return GateResult(
        name=name,
        verdict=verdict,
        observed=good / count,
        bound=proves(good, count, alpha),
        limit=limit,
        unit=Unit.SHARE,
        message=told + more(missing),
        missing=missing,
    )


def _at(durations: Histogram, rank: int) -> float:
    """The duration at a place among all requests; an error stands behind every one that was none."""
    return durations.at_rank(rank) if rank <= durations.count else math.inf

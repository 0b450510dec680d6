"""What a gate can be about: the metrics by name, and what each reads off the requests that were counted."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.gates.cells import Cell
from harness.gates.criterion import Criterion, Figure
from harness.gates.service_log import LogCell
from harness.history import WIRE

BELOW = ("<", "<=")
ABOVE = (">", ">=")
ANY = (*BELOW, *ABOVE, "==")
FEW = ("==", *BELOW)
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a gate is asked of: the requests of its scope, for how long they were sent, and the log of that time.

    `log` is None where there is none; `mute` says why what is not in it proves nothing, and is empty where that does.
    `before` is the same of the baseline, where there is one.
    """

    criterion: Criterion
    cell: Cell
    lasted_s: float
    log: LogCell | None = None
    mute: str = ""
    before: "Asked | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many requests are `wrong`: whether their share is below `limit` can only be estimated.

    `observed` is the figure to show. Where that is a quantile, `at_place` gives the value at a place from 1 to `requests`.
    """

    wrong: int
    requests: int
    limit: float
    observed: float | None
    told: str = ""
    quantile: float | None = None
    at_place: Callable[[int], float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A figure that is known, of so many requests. Where it `grows`, what is too much once will stay so.

    `mute` says why there may be more of it than was seen, and is empty where there is not: then only that is judged which
    more of it would not change.
    """

    value: float
    requests: int
    grows: bool
    told: str = ""
    mute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """There is nothing that the gate is about, and why that is no pass."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """So many of something by so many requests, and the same in the baseline: whether it became more can be tested."""

    count: int
    requests: int
    before_count: int
    before_requests: int


Evidence = Share | Amount | Trend | Unseen
Read = Callable[[Asked], Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: `ops` are its comparisons, `argument` says what stands in its brackets, empty where it has none."""

    figure: Figure
    ops: tuple[str, ...]
    summary: str
    read: Read
    argument: str = ""
    witness: str = WIRE


METRICS: dict[str, Metric] = {}
"""All metrics, by name."""


def metric(
    name: str, figure: Figure, ops: tuple[str, ...], argument: str = "", witness: str = WIRE
) -> Callable[[Read], Read]:
    """Register what reads a metric under its name; the first line of its docstring is its summary.

    `witness` is who testifies to it: the wire, or the service's log.
    """

    def register(read: Read) -> Read:
        assert name not in METRICS, name
        summary = (read.__doc__ or "").strip().partition("\n")[0]
        METRICS[name] = Metric(
            figure=figure, ops=ops, summary=summary, read=read, argument=argument, witness=witness
        )
        return read

    return register


@metric("error_rate", Figure.SHARE, BELOW)
def error_rate(asked: Asked) -> Evidence:
    """The share of requests that got no answer of the 200s; one that was shed is an error, too."""
    cell = asked.cell
    if not cell.requests:
        return Unseen(why="no request was sent")
    return Share(
        wrong=cell.failed,
        requests=cell.requests,
        limit=asked.criterion.limit,
        observed=cell.failed / cell.requests,
        told=_example(cell, "failed"),
    )


@metric("max", Figure.SECONDS, BELOW)
def slowest(asked: Asked) -> Evidence:
    """The slowest request; one without an answer took for ever."""
    cell = asked.cell
    if not cell.requests:
        return Unseen(why="no request was sent")
    value = math.inf if cell.statuses[0] else max(cell.latency.most_us, cell.failed_most_us) / MICROSECONDS
    return Amount(
        value=value,
        requests=cell.requests,
        grows=True,
        told=f"; the slowest: {cell.slowest}" if cell.slowest else "",
    )


@metric("rps", Figure.RATE, ABOVE)
def rps(asked: Asked) -> Evidence:
    """Requests that were answered, by the second, from when the first was due until the last was answered."""
    cell = asked.cell
    if not cell.requests or not asked.lasted_s:
        return Unseen(why="no request was sent")
    took_s = max(asked.lasted_s, cell.span_s)  # a service that cannot keep up answers on when nothing is due
    return Amount(value=cell.answered / took_s, requests=cell.requests, grows=False)


@metric("status", Figure.COUNT, ANY, argument="200, or a class such as 5xx")
def status(asked: Asked) -> Evidence:
    """Answers with this status; of 5xx those do not count that were shed as declared: 503 with Retry-After."""
    cell = asked.cell
    if not cell.answered:
        return Unseen(why="no request was answered")
    wanted = asked.criterion.argument
    counted = (
        number for code, number in cell.statuses.items() if code and str(code).startswith(wanted.rstrip("x"))
    )
    shed = cell.shed if wanted == "5xx" else 0
    told = f", {cell.answered:,} answers" + (f", {shed:,} more were shed as declared" if shed else "")
    return Amount(
        value=sum(counted) - shed,
        requests=cell.requests,
        grows=True,
        told=told + ("" if wanted.startswith("2") else _example(cell, "failed")),
    )


@metric("forgotten", Figure.COUNT, FEW)
def forgotten(asked: Asked) -> Evidence:
    """Answers that do not know the turns before them: turn n of a conversation is answered as another than n."""
    cell = asked.cell
    if not cell.later and not cell.forgotten:
        if not cell.failed:
            return Unseen(why="no conversation came to a second turn")
        told = f", no second turn was answered{_example(cell, 'failed')}"
        return Amount(value=cell.failed, requests=cell.requests, grows=False, told=told)
    return Amount(
        value=cell.forgotten,
        requests=cell.requests,
        grows=True,
        told=f", {cell.later:,} later turns answered{_example(cell, 'forgotten')}",
    )


@metric("share", Figure.SHARE, ("==", *ABOVE), argument="method=NAME")
def share(asked: Asked) -> Evidence:
    """The share of the answered requests whose answer names this method."""
    cell = asked.cell
    if not cell.succeeded:
        return Unseen(why="no request was answered with a 200")
    named = cell.methods[asked.criterion.argument.partition("=")[2]]
    observed, others = named / cell.succeeded, cell.succeeded - named
    if asked.criterion.op == "==":
        return Amount(value=observed, requests=cell.succeeded, grows=False, told=_example(cell, "method"))
    return Share(wrong=others, requests=cell.succeeded, limit=1 - asked.criterion.limit, observed=observed)


def _percentile(quantile: float, *, first_token: bool) -> Read:
    """What reads a percentile: how many took as long as the limit or longer, and those that failed."""

    def read(asked: Asked) -> Evidence:
        """Count the requests at or over the limit."""
        cell = asked.cell
        durations = cell.first_token if first_token else cell.latency
        requests = durations.count + cell.failed
        if not requests or (first_token and not durations.count):
            return Unseen(why="no stream had a token" if first_token else "no request was sent")
        over = cell.failed + durations.reached[limit_us(asked.criterion)]

        def at_place(place: int) -> float:
            return durations.at_rank_us(place) / MICROSECONDS if place <= durations.count else math.inf

        return Share(
            wrong=over,
            requests=requests,
            limit=1 - quantile,
            observed=at_place(max(1, math.ceil(quantile * requests))),
            told=f" failed or took {asked.criterion.limit:g} s or more",
            quantile=quantile,
            at_place=at_place,
        )

    what = (
        "the time to the first token of a stream"
        if first_token
        else "the latency, from when a request was due"
    )
    read.__doc__ = f"{quantile * 100:g} % of the requests are below the limit: {what}."
    return read


PERCENTILES: Mapping[str, float] = {
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
    "p9999": 0.9999,
}
"""The percentiles by name: p999 is 99.9 %."""

STREAMED = "ttft_"
"""What stands before a percentile of the time to the first token of a stream."""

for _name, _quantile in PERCENTILES.items():
    metric(_name, Figure.SECONDS, BELOW)(_percentile(_quantile, first_token=False))
    metric(STREAMED + _name, Figure.SECONDS, BELOW)(_percentile(_quantile, first_token=True))


def limit_us(criterion: Criterion) -> int:
    """From how many microseconds on a request is over the limit of a duration."""
    exact = criterion.limit * MICROSECONDS
    return math.floor(exact) + 1 if criterion.op == "<=" else math.ceil(exact)


def _example(cell: Cell, kind: str) -> str:
    """The first request of a kind, as evidence."""
    return example(next(iter(cell.examples.get(kind, ())), None))


def example(told: str | None) -> str:
    """Evidence as it is put behind a figure; nothing where there is none."""
    return f"; the first: {told}" if told else ""

"""Gates over what was counted: looked at once with exact bounds, or all the time with a sequential test."""

from collections import Counter
from random import Random

import pytest

from harness.gates.cells import Cell, Cells
from harness.gates.durations import Durations
from harness.gates.grammar import parse
from harness.gates.result import GateResult
from harness.gates.service_log import LogCell
from harness.gates.verdicts import Seen, Watch
from harness.verdict import Verdict

LIMIT_US = 2_000_000


def cell(*, good: int = 0, errors: int = 0, unanswered: int = 0, slow: int = 0, shed: int = 0) -> Cell:
    """So many requests of each kind; a good one takes a tenth of a second, a slow one three."""
    latency = Durations()
    latency.add([100_000] * good + [3_000_000] * slow, (LIMIT_US,))
    return Cell(
        requests=good + errors + unanswered + slow + shed,
        failed=errors + unanswered + shed,
        shed=shed,
        statuses=Counter({200: good + slow, 500: errors, 503: shed, 0: unanswered}),
        methods=Counter({"first": good, "second": slow}),
        latency=latency,
    )


def spoke(counted: dict[str, int]) -> LogCell:
    """A log with these events."""
    return LogCell(lines=sum(counted.values()), events=Counter(counted))


def seen(ended: bool = True, events: dict[str, dict[str, int]] | None = None, **counts: int) -> Seen:
    """A run of one phase, ten seconds long."""
    log = None if events is None else {name: spoke(counted) for name, counted in events.items()}
    cells = Cells(by_key={("chat", "POST /turn", "steady"): cell(**counts)})
    return Seen(cells=cells, lasted_s={"steady": 10.0}, ended=ended, log=log)


def looked(text: str, what: Seen, *, watched: bool = False) -> GateResult:
    """The result of one gate."""
    (result,) = Watch(criteria=[parse(text)], watched=watched).look(what)
    return result


@pytest.mark.parametrize(
    ("text", "counts", "verdict"),
    [
        ("error_rate < 0.1%", {"good": 2_995}, "passed"),
        ("error_rate < 0.1%", {"good": 2_994}, "undecided"),
        ("error_rate < 0.1%", {"good": 497, "errors": 3}, "failed"),
        ("error_rate < 0.1% min_n=501", {"good": 497, "errors": 3}, "undecided"),
        ("error_rate < 0.1% alpha=0.01", {"good": 497, "errors": 3}, "undecided"),
        ("error_rate < 0.1%", {"good": 497, "shed": 3}, "failed"),
        ("p99 < 2s", {"good": 299}, "passed"),
        ("p99 < 2s", {"good": 298}, "undecided"),
        ("p99 < 2s", {"good": 100, "slow": 5}, "failed"),
        ("p99 < 2s", {"good": 100, "unanswered": 5}, "failed"),
        ("p95 < 2s", {"good": 59}, "passed"),
        ("max < 2s", {"good": 1}, "passed"),
        ("max < 2s", {"good": 1, "slow": 1}, "failed"),
        ("max < 2s", {"good": 1, "unanswered": 1}, "failed"),
        ("status(5xx) == 0", {"good": 1, "shed": 1}, "passed"),
        ("status(503) == 0", {"good": 1, "shed": 1}, "failed"),
        ("status(5xx) == 0", {"good": 1, "errors": 1}, "failed"),
        ("status(2xx) >= 5", {"good": 5}, "passed"),
        ("share(method=first) == 100%", {"good": 5}, "passed"),
        ("share(method=first) == 100%", {"good": 5, "slow": 1}, "failed"),
        ("share(method=first) >= 99%", {"good": 299}, "passed"),
        ("share(method=first) >= 99%", {"good": 298}, "undecided"),
        ("rps >= 10", {"good": 100}, "passed"),
        ("rps >= 10", {"good": 99, "errors": 1}, "passed"),
        ("rps >= 10", {"good": 99, "unanswered": 1}, "failed"),
    ],
)
def test_a_run_that_is_over_is_looked_at_once(text: str, counts: dict[str, int], verdict: str) -> None:
    """Each metric passes, fails, or says that the evidence does not do, at the exact counts of the plan."""
    assert looked(text, seen(**counts)).verdict == verdict


@pytest.mark.parametrize(
    "text",
    ["error_rate < 1%", "p95 < 2s", "max < 2s", "rps >= 1", "status(200) >= 0", "share(method=x) == 100%"],
)
def test_what_was_never_seen_is_no_pass(text: str) -> None:
    """A run in which there was nothing of it proves nothing; one that goes on may still."""
    scoped = text.replace(" ", " @phase=another ", 1)
    assert looked(scoped, seen(good=5_000)).verdict is Verdict.INVALID
    assert looked(scoped, seen(good=5_000, ended=False)).verdict is Verdict.UNDECIDED


def test_the_log_is_counted_by_phase_and_a_missing_one_is_no_pass() -> None:
    """An event may be there in one phase and not in another; without a line of log nothing is known."""
    events = {"before": {"done": 5, "skipped": 1}, "steady": {"done": 5}}
    assert looked('log("skipped") == 0', seen(good=1, events=events)).verdict is Verdict.FAILED
    assert looked('log("skipped") @phase=steady == 0', seen(good=1, events=events)).verdict is Verdict.PASSED
    assert looked('log("skipped") @phase=after == 0', seen(good=1, events=events)).verdict is Verdict.INVALID
    assert looked('log("skipped") == 0', seen(good=1)).verdict is Verdict.INVALID
    assert looked('log("skipped") == 0', seen(good=1, events={"steady": {}})).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("text", "counts", "verdict"),
    [
        ("status(5xx) == 0", {"good": 1}, "undecided"),
        ("status(5xx) == 0", {"errors": 1}, "failed"),
        ("status(200) >= 5", {"good": 5}, "passed"),
        ("max < 2s", {"good": 9}, "undecided"),
        ("max < 2s", {"slow": 1}, "failed"),
        ("rps >= 10", {"good": 1}, "undecided"),
        ("share(method=first) == 100%", {"slow": 1}, "undecided"),
    ],
)
def test_of_a_run_that_goes_on_only_what_can_no_more_change_is_said(
    text: str, counts: dict[str, int], verdict: str
) -> None:
    """What is too much stays so; what is too little may still come."""
    assert looked(text, seen(ended=False, **counts), watched=True).verdict == verdict


def test_of_many_gates_one_that_seems_to_fail_is_held_to_the_level_of_all() -> None:
    """Three errors in 500 fail one gate alone (p = 0.014) and not among ten."""
    alone = seen(good=497, errors=3)
    gates = [parse("error_rate < 0.1%"), *(parse(f"error_rate @phase=steady < {n}%") for n in range(11, 20))]
    results = Watch(criteria=gates, watched=False).look(alone)
    assert looked("error_rate < 0.1%", alone).verdict is Verdict.FAILED
    assert results[0].verdict is Verdict.UNDECIDED
    assert {result.verdict for result in results[1:]} == {Verdict.PASSED}


COUNTS: tuple[dict[str, int], ...] = (
    {"good": 3_129},
    {"good": 3_130},
    {"good": 3_130, "errors": 1},
    {"good": 3_130, "errors": 10},
    {"good": 90_000, "errors": 10},
)


def test_what_has_passed_while_it_was_watched_passes_until_it_fails() -> None:
    """A clean start of 3,130 requests passes; one error behind it changes nothing, ten do, and no good rest mends that."""
    watch = Watch(criteria=[parse("error_rate < 0.1%")])
    verdicts = [watch.look(seen(ended=False, **counts))[0].verdict for counts in COUNTS]
    assert verdicts == ["undecided", "passed", "passed", "failed", "failed"]


def test_the_same_frames_give_the_same_verdicts() -> None:
    """However often it is asked, and whatever the order in which the cells came."""
    random = Random(1)
    counts = [{"good": random.randrange(900), "errors": random.randrange(2)} for _ in range(9)]

    def run(order: list[str]) -> list[str]:
        watch, cells, told = Watch(criteria=[parse("error_rate < 0.1%"), parse("p99 < 2s")]), Cells(), []
        for each in counts:
            for phase in order:
                cells.of(("", "", phase)).merge(cell(**each))
            told.append(str(watch.look(Seen(cells=cells, lasted_s={}, ended=False))))
        return told

    assert run(["a", "b"]) == run(["a", "b"]) == run(["b", "a"])


def test_what_only_counts_makes_no_estimate_harder_to_fail() -> None:
    """Beside twenty gates that count, an error rate fails at as many errors as it does alone."""
    counting = [parse(f"status({code}) == 0") for code in range(300, 320)]
    for watched in (True, False):
        alone = [
            Watch(criteria=[parse("error_rate < 0.1%"), *others], watched=watched)
            .look(seen(good=96, errors=4, ended=not watched))[0]
            .verdict
            for others in ([], counting)
        ]
        assert alone == [Verdict.FAILED] * 2


def test_a_gate_that_may_end_the_run_is_looked_at_all_the_time() -> None:
    """Two errors of 350 are no proof for a test that may be looked at after every second, and would be for one at the end."""
    few = {"good": 348, "errors": 2}
    assert looked("error_rate < 0.1%", seen(**few)).verdict is Verdict.FAILED
    assert looked("error_rate < 0.1% abort", seen(**few)).verdict is Verdict.UNDECIDED


def test_before_so_many_requests_nothing_is_said() -> None:
    """Of what is counted no less than of what is estimated, and how many are missing is told."""
    result = looked("status(5xx) == 0 min_n=10", seen(good=4))
    assert (result.verdict, result.missing) == (Verdict.UNDECIDED, 6)
    assert looked("status(5xx) == 0 min_n=10", seen(good=10)).verdict is Verdict.PASSED


def test_an_undecided_gate_says_how_many_requests_are_missing() -> None:
    """As many as would pass it without another error."""
    result = looked("error_rate < 0.1%", seen(good=1_000, errors=1))
    assert (result.verdict, result.missing) == (Verdict.UNDECIDED, 4_742 - 1_001)
    assert result.message.endswith("3,741 more good requests would pass it")

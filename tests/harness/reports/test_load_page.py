"""The page of a load run: it tells all that the report says, draws what was counted, and acts on nothing that it tells."""

import re
from collections import Counter
from pathlib import Path

import pytest

from harness.gates import GateResult
from harness.gates.cells import Cell, Cells
from harness.gates.durations import Durations
from harness.gates.result import Unit
from harness.gates.service_log import LogCell
from harness.load.frames import Frame, Part, Run
from harness.load.report import LoadReport
from harness.reports import load_page
from harness.verdict import Verdict

ORDER = ("before", "during_outage", "after")
HOSTILE = "</title></svg></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
SECRET = "password='correct horse battery'"


def durations(*values_us: int) -> Durations:
    """Durations of these microseconds."""
    counted = Durations()
    counted.add(values_us)
    return counted


def cell(statuses: dict[int, int], *, shed: int = 0, took_us: int = 20_000, **more) -> Cell:
    """Requests with these answers; those with a 200 took equally long."""
    good = statuses.get(200, 0)
    return Cell(
        requests=sum(statuses.values()),
        failed=sum(statuses.values()) - good,
        shed=shed,
        statuses=Counter(statuses),
        latency=durations(*[took_us] * good),
        service=durations(*[took_us // 2] * good),
        **more,
    )


def frame(number: int, lasted_s: dict[str, float], one: Cell | None = None, **more) -> Frame:
    """A second of a run, all of its requests in the first of its phases."""
    phase = next(iter(lasted_s), "after")
    cells = Cells(by_key={("chat", "POST /chat", phase): one}) if one is not None else Cells()
    return Frame(number=number, lasted_s=lasted_s, cells=cells, **more)


def part(number: int, *, worker: int = 0, cpu: float = 0.2, took_s: float = 1.0, late_us: int = 900) -> Part:
    """A report of a generator."""
    return Part(worker=worker, number=number, due=1, sent=1, cpu=cpu, took_s=took_s, drift=durations(late_us))


def gate(name: str, verdict: Verdict = Verdict.PASSED, **more) -> GateResult:
    """A gate that was judged."""
    values = {"observed": 0.1, "bound": 0.2, "limit": 2.0, "unit": Unit.SECONDS, "message": "as it should be"}
    return GateResult(name=name, verdict=verdict, **{**values, **more})


def report(run: Run, *gates: GateResult, **more) -> LoadReport:
    """A report of a run."""
    values = {"seed": 7, "model": "poisson arrivals at 50/s", "replay": "shakeout load --seed 7"}
    return LoadReport(gates=gates, run=run, **{**values, **more})


def page(folder: Path, *arguments, **more) -> str:
    """The page of a report, as text."""
    load_page.write(folder / "page.html", report(*arguments, **more))
    return (folder / "page.html").read_text()


def three_phases() -> Run:
    """Three seconds before a fault, three under it and three after it; an edge may lie within a second."""
    lasted = [{"before": 1.0}, {"before": 1.0}, {"before": 0.5, "during_outage": 0.5}, {"during_outage": 1.0}]
    lasted += [{"after": 0.25, "during_outage": 0.75}, {"after": 1.0}]
    return Run.of(
        frame(number, one, cell({200: 10}), parts=(part(number),)) for number, one in enumerate(lasted)
    )


def test_all_that_a_report_says_is_on_the_page(tmp_path) -> None:
    """Verdict, model, reasons, notes, what was not judged, each gate with its figures and evidence, faults and the replay."""
    gates = (
        gate("p99 < 2s", Verdict.FAILED, observed=2.5, bound=2.25, message="too slow", evidence="line 4"),
        gate("error_rate < 0.1%", observed=0.0004, bound=0.0009, limit=0.001, unit=Unit.SHARE),
    )
    text = page(
        tmp_path,
        three_phases(),
        *gates,
        reasons=("a generator was late",),
        notes=("the target does not sign",),
        unwitnessed=("misreported == 0",),
        fired={"provider.error": 1234},
    )
    told = ("invalid</span></h1>", "60 requests in 6.0 s, poisson arrivals at 50/s, seed 7", "late", "sign")
    told += ("misreported == 0", "shakeout load --seed 7", "provider.error", "1,234")
    told += ("p99 &lt; 2s", '"failed">failed', "2.5 s", "2.25 s", ">2 s<", "too slow", "line 4")
    told += ('<td>99 %</td><td class="number">20 ms</td><td class="number">10 ms</td>',)
    told += ("error_rate &lt; 0.1%", '"passed">passed', "0.04%", "0.09%", ">0.1%<", "as it should be")
    assert [one for one in told if one not in text] == []


def test_more_that_is_needed_is_said(tmp_path) -> None:
    """An undecided run says how many more requests it needs."""
    text = page(tmp_path, three_phases(), gate("p99 < 2s", Verdict.UNDECIDED, missing=12_345))
    assert "12,345 more requests are needed to decide" in text


def test_nothing_that_is_told_is_markup(tmp_path) -> None:
    """Whatever a log, an answer, a phase or a gate is called stays text, and the page names nothing outside of itself."""
    log = {HOSTILE: LogCell(lines=1, events=Counter({HOSTILE: 1}))}
    wrong = cell({200: 5, 500: 1}, examples={HOSTILE: (HOSTILE,)})
    run = Run.of(
        [frame(0, {HOSTILE: 1.0}, wrong, log=log, parts=(part(0),)), frame(1, {"during" + HOSTILE: 1.0})]
    )
    text = page(
        tmp_path,
        run,
        gate(f'p99 @phase="{HOSTILE.replace(chr(34), "")}" < 2s', message=HOSTILE, evidence=HOSTILE),
        **dict.fromkeys(("reasons", "notes", "unwitnessed"), (HOSTILE,)),
        model=HOSTILE,
        replay=HOSTILE,
        fired={HOSTILE: 1},
    )
    tags = re.findall(r"<(\w+)([^>]*)>", text)
    assert len([name for name, _ in tags if name == "svg"]) >= 5
    assert {name for name, _ in tags} & {"script", "img", "link", "iframe", "a", "image", "use"} == set()
    assert [held for _, held in tags if re.search(r"\s(on\w+|src|href)=", held)] == []
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in text
    assert re.search(r"url\(|//|@import", text) is None


def test_no_secret_is_on_the_page(tmp_path) -> None:
    """What an answer, a log, a gate or the command says of a password is redacted."""
    log = {"load": LogCell(lines=1, events=Counter({f"login with {SECRET}": 1}))}
    run = Run.of([frame(0, {"load": 1.0}, cell({500: 1}, examples={"failed": (SECRET,)}), log=log)])
    one = gate("p99 < 2s", message=SECRET, evidence=SECRET)
    text = page(tmp_path, run, one, reasons=(SECRET,), notes=(SECRET,), replay=f"load {SECRET}")
    assert "battery" not in text
    assert text.count("[redacted:password-1]") == 7


def test_half_of_a_surrogate_pair_does_not_lose_the_page(tmp_path) -> None:
    """A log may hold what no encoding has; the page is written all the same."""
    log = {"load": LogCell(lines=1, events=Counter({"odd \ud83d event": 1}))}
    assert "odd \\ud83d event" in page(tmp_path, Run.of([frame(0, {"load": 1.0}, log=log)]))


@pytest.mark.parametrize("frames", [[], [Frame(number=0)]])
def test_a_run_without_a_second_has_a_page(tmp_path, frames) -> None:
    """An interrupted run of not one request says so, draws nothing, and still tells why."""
    text = page(tmp_path, Run.of(frames), reasons=("the run was interrupted",))
    assert "<svg" not in text
    assert "the run was interrupted" in text
    assert "No second of the run was counted" in text
    assert "No log was read" in text
    assert "No gate was judged" in text


def test_what_comes_behind_the_last_phase_has_time_of_its_own() -> None:
    """Answers behind the last phase are no peak in the last of its seconds, and empty seconds at the end are left out."""
    frames = [frame(0, {"load": 1.0}, cell({200: 9})), frame(1, {"load": 0.01}, cell({200: 8}))]
    frames += [frame(2, {}, cell({0: 7})), frame(3, {}), frame(4, {})]
    held = load_page.buckets(Run.of(frames))
    assert [(one.begin_s, one.end_s) for one in held] == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert "after the last phase" in held[-1].told([])[2]


def test_what_was_shed_stands_apart_from_the_errors() -> None:
    """Each answer is in one class: a declared 503 is shed, any other is an error of the server, and 0 is no answer."""
    one = cell({200: 50, 204: 1, 302: 2, 429: 3, 503: 9, 500: 4, 0: 5}, shed=6)
    assert load_page.classes(one) == [51, 2, 3, 6, 7, 5]
    assert sum(load_page.classes(one)) == one.requests


def test_the_stack_is_as_high_as_its_rates() -> None:
    """Layers stand on top of each other without a gap, each as high as its requests a second."""
    run = Run.of([frame(0, {"load": 2.0}, cell({200: 60, 503: 20}, shed=20))])
    figure = next(one for one in load_page.over_time(load_page.buckets(run), [], []) if one.kind == "answers")
    assert [one.name for one in figure.drawn] == ["2xx", "shed: 503 with Retry-After"]
    edges = [re.match(r"M[\d.]+,([\d.]+)H[\d.]+V([\d.]+)H", one.path).groups() for one in figure.drawn]
    expected = [figure.at_y(0), figure.at_y(30), figure.at_y(30), figure.at_y(40)]
    assert [float(y) for edge in edges for y in edge] == expected


def test_a_line_is_broken_where_nothing_was_answered() -> None:
    """A second without an answer is a gap, and a value between two gaps is a dot."""
    counts = (5, 5, 0, 5, 0, 5)
    run = Run.of(frame(number, {"load": 1.0}, cell({200: count})) for number, count in enumerate(counts))
    figure = load_page.over_time(load_page.buckets(run), [], [])[0]
    assert [one.name for one in figure.drawn] == ["max", "p99", "p95", "p50"]
    assert re.sub(r"[\d.]+,[\d.]+", "", figure.drawn[0].path) == "Mh0LMh0Mh0"


def test_the_busiest_generator_is_shown_and_slivers_are_not() -> None:
    """Of two generators the busier counts; the last report, of an instant, would show a full core."""
    parts = (part(0, cpu=0.3), part(0, worker=1, cpu=0.6), part(1, worker=1, cpu=0.99, took_s=0.01))
    run = Run.of(
        [
            frame(0, {"load": 1.0}, parts=parts),
            frame(1, {"load": 1.0}, parts=(part(1, cpu=0.99, took_s=0.01),)),
        ]
    )
    assert [one.cpu for one in load_page.buckets(run)] == [0.6, None]


def test_the_tolerable_drift_is_that_of_the_gates() -> None:
    """The line of the drift is a twentieth of the smallest limit of a latency, and 10 ms without one."""
    run = three_phases()
    held, marks = load_page.buckets(run), list(load_page.limits([gate("p99 < 2s"), gate("p50 < 400ms")]))
    levels = [
        next(one.level for one in load_page.over_time(held, [], some) if one.kind == "drift")
        for some in (marks, [])
    ]
    assert [label for _, label in levels] == ["tolerable: 20 ms", "tolerable: 10 ms"]
    assert [value_us for value_us, _ in levels] == pytest.approx([20_000, 10_000])


def test_events_are_counted_by_phase() -> None:
    """The ten most frequent events of the whole log, in each phase in the order of time, those behind the last one too."""
    logs = {
        name: LogCell(lines=100, events=Counter({f"event {n}": n for n in range(1, 15)})) for name in ORDER
    }
    logs["drain"] = LogCell(lines=5, events=Counter({"event 1": 50}))
    run = three_phases()
    run.add(frame(6, {"after": 1.0}, log=logs))
    names, rows = load_page.event_rows(run, load_page.phases(run))
    assert names == [*ORDER, "drain"]
    assert rows[0] == ("all lines", [100, 100, 100, 5])
    assert rows[1] == ("event 1", [1, 1, 1, 50])
    assert [event for event, _ in rows[2:]] == [f"event {number}" for number in range(14, 5, -1)]


def test_phases_have_their_figures(tmp_path) -> None:
    """The table of phases says when each was, how much was asked of it and how it answered."""
    run = Run.of([frame(0, {"during": 2.0}, cell({200: 30, 503: 10}, shed=4))])
    [(name, figures, tone)] = load_page.phase_rows(run, load_page.phases(run))
    assert (name, tone) == ("during", "fault")
    assert figures == ["0 s to 2 s", "40", "20/s", "10", "4", "20 ms", "20 ms", "20 ms", "20 ms"]
    assert "0 s to 2 s" in page(tmp_path, run)


def test_the_pointer_tells_the_values(tmp_path) -> None:
    """Over each bucket stand its time, its phase and its figures."""
    text = page(
        tmp_path, Run.of([frame(0, {"load": 1.0}, cell({200: 30, 429: 2}), parts=(part(0, cpu=0.25),))])
    )
    columns = re.findall(r'<rect class="column"[^>]*><title>([^<]*)</title>', text)
    head = "0 s to 1 s, load\n"
    assert f"{head}p50: 20 ms\np95: 20 ms\np99: 20 ms\nmax: 20 ms" in columns
    assert f"{head}2xx: 30\n4xx: 2" in columns
    assert f"{head}busiest generator: 25.0%" in columns


@pytest.mark.parametrize(
    ("statuses", "missing"),
    [({200: 5, 500: 1}, []), ({200: 5}, ["errors"]), ({0: 3}, ["percentiles", "latencies"])],
)
def test_each_figure_is_there_once(tmp_path, statuses, missing) -> None:
    """Each figure that has something to show is there, and no other: of errors where there are some, of latency likewise."""
    text = page(tmp_path, Run.of([frame(0, {"load": 1.0}, cell(statuses), parts=(part(0),))]))
    kinds = ("percentiles", "latencies", "answers", "errors", "drift", "cpu")
    assert re.findall(r'<svg class="(\w+)"', text) == [kind for kind in kinds if kind not in missing]
    assert [f"{status or 'no answer'}: {count}" in text for status, count in statuses.items()] == [
        True
    ] * len(statuses)


def test_phases_stand_in_the_order_of_time() -> None:
    """A frame names its phases by the alphabet; they are bands by when they came, and that of the fault is shaded apart."""
    run = three_phases()
    stretches = load_page.phases(run)
    times = [(0.0, 2.5, "calm"), (2.5, 4.75, "fault"), (4.75, 6.0, "calm")]
    found = [(one.name, one.begin_s, one.end_s, one.tone) for one in stretches]
    assert found == [(name, *rest) for name, rest in zip(ORDER, times, strict=True)]
    for figure in load_page.over_time(load_page.buckets(run), stretches, []):
        for band, one in zip(figure.bands, stretches, strict=True):
            assert (band.text, band.tone, band.x) == (one.name, one.tone, figure.at_x(one.begin_s))
            assert band.x + band.width == pytest.approx(figure.at_x(one.end_s), abs=0.11)


@pytest.mark.parametrize(("seconds", "count", "each"), [(3_600, 600, 6), (601, 301, 2)])
def test_many_seconds_are_folded(tmp_path, seconds, count, each) -> None:
    """Of an hour 600 buckets are left, which hold all of it, and the page says how many seconds each has."""
    run = Run.of(frame(number, {"load": 1.0}, cell({200: 2, 503: 1}, shed=1)) for number in range(seconds))
    held = load_page.buckets(run)
    assert len(held) == count
    assert sum(one.cell.requests for one in held) == run.requests
    assert [held[0].begin_s, held[0].end_s, held[-1].end_s] == [0.0, each, seconds]
    text = page(tmp_path, run)
    assert f"{each} seconds are taken together" in text
    assert len(text) < 1_000_000

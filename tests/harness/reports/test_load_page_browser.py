"""The figures of a load run: what their axes hold and, in a browser, that all of it is within its frame and nothing runs."""

import html
import json
import re
import struct
import zlib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from browser import dumped, needs_browser, pictured

from harness.gates import GateResult
from harness.gates.cells import Cell, Cells
from harness.gates.criterion import Scope
from harness.gates.durations import Durations
from harness.gates.result import Unit
from harness.gates.service_log import LogCell
from harness.load.frames import Frame, Part, Run
from harness.load.report import LoadReport
from harness.reports import load_figures, load_page
from harness.verdict import Verdict

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
HOSTILE = "</title></svg></style><script>document.body.dataset.told='pwned'</script><img src=x onerror=\"document.body.dataset.told='pwned'\">"
MEASURE = """<script>
const told = { wide: document.documentElement.scrollWidth > innerWidth, figures: {} };
for (const svg of document.querySelectorAll("svg")) {
  const frame = svg.viewBox.baseVal, outside = [];
  for (const one of svg.querySelectorAll("text, path, rect, line")) {
    const box = one.getBBox();
    if (box.x < -0.5 || box.y < -0.5 || box.x + box.width > frame.width + 0.5 || box.y + box.height > frame.height + 0.5)
      outside.push(one.textContent || one.tagName);
  }
  const labels = [...svg.querySelectorAll("text")].map((one) => [one.textContent, one.getBBox()]).filter(([, box]) => box.width);
  const over = labels.flatMap(([name, a], number) => labels.slice(number + 1).filter(([, b]) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y + 3 < b.y + b.height && b.y + 3 < a.y + a.height).map(([other]) => `${name} / ${other}`));
  told.figures[svg.getAttribute("class")] = { outside, over, columns: svg.querySelectorAll(".column title").length };
}
document.body.dataset.told = JSON.stringify(told);
</script></html>"""
SECONDS = 3_600


def durations(*values_us: int) -> Durations:
    """Durations of these microseconds."""
    counted = Durations()
    counted.add(values_us)
    return counted


def second(number: int, phase: str, *, told: str = "503") -> Frame:
    """A second with answers of each kind."""
    cell = Cell(
        requests=14,
        failed=4,
        shed=1,
        statuses=Counter({200: 10, 503: 2, 429: 1, 0: 1}),
        latency=durations(*range(9_000, 900_000 + number, 90_000)),
        service=durations(*range(8_000, 500_000, 50_000)),
        examples={"failed": (told,)},
    )
    return Frame(
        number=number,
        parts=(Part(worker=0, number=number, due=14, sent=14, cpu=0.4, drift=durations(900, 2_500)),),
        cells=Cells(by_key={("chat", "POST /chat", phase): cell}),
        lasted_s={phase: 1.0},
        log={phase: LogCell(lines=14, events=Counter({told: 14}))},
    )


def gate(name: str, limit: float, verdict: Verdict = Verdict.PASSED) -> GateResult:
    """A gate that was judged."""
    return GateResult(
        name=name, verdict=verdict, observed=0.9, bound=1.0, limit=limit, unit=Unit.SECONDS, message=name
    )


def written(path: Path, run: Run, *gates: GateResult, script: str = "", model: str = "made") -> Path:
    """A page; with a script of the test's own, which its policy would not let run."""
    load_page.write(path, LoadReport(seed=1, model=model, gates=gates, replay="shakeout load", run=run))
    if script:
        path.write_text(POLICY.sub("", path.read_text()).replace("</html>", script))
    return path


def hour() -> Run:
    """An hour with a short fault in it, under a long name."""
    names = {range(1_700): "before", range(1_700, 1_790): "during_the_outage_of_a_provider"}
    return Run.of(
        second(number, next((name for some, name in names.items() if number in some), "after"))
        for number in range(SECONDS)
    )


def corner(picture: Path) -> tuple[int, ...]:
    """The colour of the first pixel of a PNG: the filter of a row changes nothing there."""
    data, at, packed = picture.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return tuple(zlib.decompress(packed)[1:4])


@needs_browser
@pytest.mark.timeout(300)
def test_an_hour_is_laid_out(tmp_path) -> None:
    """Of an hour each figure is drawn within its frame, no label over another, and the page is no wider than its window."""
    gates = [gate("p50 < 450ms", 0.45), gate("p99 @phase=before < 1500ms", 1.5), gate("p9999 < 2s", 2.0)]
    gates += [gate(f"p99 < {limit}s", limit, Verdict.FAILED) for limit in (1.5, 1.6)]
    page = written(tmp_path / "page.html", hour(), *gates, script=MEASURE)
    document = dumped(page, tmp_path / "profile")
    told = json.loads(html.unescape(re.search(r'data-told="([^"]*)"', document)[1]))
    figures = told["figures"]
    assert list(figures) == ["percentiles", "latencies", "answers", "errors", "drift", "cpu"]
    assert {
        kind: one["outside"] + one["over"] for kind, one in figures.items() if one["outside"] or one["over"]
    } == {}
    assert {one["columns"] for kind, one in figures.items() if kind != "percentiles"} == {600}
    assert told["wide"] is False


@needs_browser
@pytest.mark.timeout(300)
def test_the_page_is_dark_where_that_is_preferred(tmp_path) -> None:
    """The ground is white, and almost black for whoever prefers the dark."""
    page = written(tmp_path / "page.html", Run.of([second(0, "load")]), gate("p99 < 2s", 2.0))
    pictured(page, tmp_path / "light.png", tmp_path / "profile")
    pictured(page, tmp_path / "dark.png", tmp_path / "profile", dark=True)
    assert corner(tmp_path / "light.png") == (255, 255, 255)
    assert max(corner(tmp_path / "dark.png")) < 40


@needs_browser
@pytest.mark.timeout(300)
@pytest.mark.parametrize("has_policy", [True, False])
def test_what_a_run_says_stays_text(tmp_path, has_policy) -> None:
    """Names and texts that would end an element, and start a script, are text in the page; no policy is needed for that."""
    run = Run.of([second(0, HOSTILE, told=HOSTILE), second(1, "during" + HOSTILE, told=HOSTILE)])
    one = gate(HOSTILE, 2.0), gate(f'p99 @phase="{HOSTILE.replace(chr(34), "")}" < 2s', 2.0)
    page = written(tmp_path / "page.html", run, *one, model=HOSTILE, script="" if has_policy else "</html>")
    assert bool(POLICY.search(page.read_text())) is has_policy
    document = dumped(page, tmp_path / "profile")
    assert "data-told" not in document
    assert "<img" not in document
    assert document.count("<svg") == document.count("</svg>") == 6


@needs_browser
@pytest.mark.timeout(300)
def test_the_policy_lets_no_script_run(tmp_path) -> None:
    """A script that got into the page all the same does not run: the page has none of its own."""
    page = written(tmp_path / "page.html", Run.of([second(0, "load")]))
    page.write_text(
        page.read_text().replace("</html>", "<script>document.body.dataset.told='x'</script></html>")
    )
    assert " data-told=" not in dumped(page, tmp_path / "profile").partition("<script")[0]


@pytest.mark.parametrize("values_us", [[0], [7.0], [999, 1_001], [1_000], [3, 9e9], [250_000, 2e6]])
def test_an_axis_of_durations_holds_them(values_us) -> None:
    """Whatever the durations are, each stands within the axis, which has two ticks or more, none too close."""
    axis = load_figures.durations_axis(values_us)
    assert 0 < axis.low < axis.high
    assert axis.low <= max(min(values_us), load_figures.LEAST_US)
    assert axis.high >= max(values_us)
    assert 2 <= len(axis.ticks) <= 11
    assert [axis.share(axis.low), axis.share(axis.high)] == [0.0, 1.0]


@pytest.mark.parametrize("most", [0, 0.3, 1, 7, 50, 1_234, 20_000])
def test_an_axis_of_amounts_holds_them(most) -> None:
    """From 0 to a round number that is not below the most, in no more than a few steps."""
    axis = load_figures.amounts_axis(most, "/s")
    assert axis.low == 0 < axis.high
    assert most <= axis.high <= max(2 * most, 1)
    assert 2 <= len(axis.ticks) <= 7
    assert axis.ticks[0] == (0, "0/s")


@pytest.mark.parametrize("whole_s", [0.4, 1, 11.2, 61, 3_600, 86_400, 3 * 86_400])
def test_an_axis_of_time_has_a_few_ticks(whole_s) -> None:
    """A second or three days: the ticks begin at 0, stay within, and can be told apart."""
    axis = load_figures.time_axis(whole_s)
    assert 1 <= len(axis.ticks) <= 11
    assert axis.ticks[0] == (0, "0 s")
    assert all(0 <= axis.share(at_s) <= 1 for at_s, _ in axis.ticks)
    assert len({label for _, label in axis.ticks}) == len(axis.ticks)


def test_times_are_told_as_on_a_clock() -> None:
    """Seconds, then minutes, then hours."""
    assert [load_figures.clock(one) for one in (0, 11.24, 60, 90, 3_599.6)] == [
        "0 s",
        "11.2 s",
        "1:00",
        "1:30",
        "1:00:00",
    ]


def test_a_name_is_shortened_to_its_room() -> None:
    """A name has as many letters as there is room for, and none where hardly one would be left."""
    assert [load_figures.shortened("during_outage", width) for width in (10, 50, 200)] == [
        "",
        "during_…",
        "during_outage",
    ]


def test_labels_of_marks_give_way() -> None:
    """Limits that are next to each other have labels that can be read, inside of the picture."""
    near = [
        gate(f"p9999 @phase={name} < {limit}s", limit)
        for name, limit in zip("abcde", (1.91, 1.92, 1.93, 1.99, 2.0), strict=True)
    ]
    marks = load_page.percentiles(second(0, "load").cells.within(Scope()), list(load_page.limits(near))).marks
    heights = sorted(one.label_y for one in marks)
    assert min(after - before for before, after in pairwise(heights)) >= 12
    assert heights[0] > 10
    assert all(one.is_left and one.label_x < load_figures.WIDTH - load_figures.RIGHT for one in marks)


def test_a_curve_is_what_was_measured() -> None:
    """A curve goes up just where the durations do, from the ones to the others."""
    whole = Cell(requests=1_000, latency=durations(*[10_000] * 900, *[90_000] * 100))
    figure = load_page.percentiles(whole, [])
    places = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+),([\d.]+)", figure.drawn[0].path)]
    edge = figure.at_x(load_figures.nines(0.9))
    assert all(abs(y - figure.at_y(10_000)) < 1 for x, y in places if x < edge - 1)
    assert all(abs(y - figure.at_y(90_000)) < 1 for x, y in places if x > edge + 1)
    assert len(places) > 100


def test_a_curve_ends_where_nothing_was_seen() -> None:
    """A hundred requests say nothing beyond the 99th percentile: the curve ends there."""
    some = durations(*[20_000] * 100)
    whole = Cell(requests=100, latency=some, service=some)
    figure = load_page.percentiles(whole, [])
    ends = [float(re.findall(r"L([\d.]+),", one.path)[-1]) for one in figure.drawn]
    place = figure.at_x(load_figures.nines(0.99))
    assert all(place - 6 < end <= place for end in ends)
    assert [one.name for one in figure.drawn] == ["latency, from due", "service time, from sent"]


def test_limits_of_percentile_gates_are_marks(tmp_path) -> None:
    """Each percentile gate is a mark at its percentile and limit, in the colour of its verdict; no other gate is."""
    gates = [
        gate("p99 < 2s", 2.0, Verdict.FAILED),
        gate("p95 @phase=during <= 300ms", 2.0),
        gate("ttft_p50 < 1s", 2.0),
    ]
    others = [
        gate("max < 2s", 2.0),
        gate("error_rate < 1%", 2.0),
        gate("p99 increases", 2.0),
        gate("p99 against before", 2.0),
    ]
    figure = load_page.percentiles(
        second(0, "load").cells.within(Scope()), list(load_page.limits([*gates, *others]))
    )
    found = {one.label: (one.x, one.y, one.tone) for one in figure.marks}
    wanted = (
        ("p99 < 2s", 0.99, 2e6, "failed"),
        ("p95 <= 0.3s", 0.95, 3e5, "passed"),
        ("ttft_p50 < 1s", 0.5, 1e6, "passed"),
    )
    assert found == {
        label: (figure.at_x(load_figures.nines(quantile)), figure.at_y(limit_us), tone)
        for label, quantile, limit_us, tone in wanted
    }
    text = written(tmp_path / "page.html", Run.of([second(0, "load")]), *gates, *others).read_text()
    assert "<title>p95 @phase=during &lt;= 300ms: passed</title>" in text

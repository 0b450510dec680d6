"""The page of an incident in a browser: it draws every record, tells of the one that is pointed at, and runs no other script."""

import html
import random
import re
from pathlib import Path

import pytest
from browser import dumped, needs_browser

from harness.history import LogRecord
from harness.redaction import Redactor, Rules
from harness.reports import incident
from harness.verdict import Violation

pytestmark = [needs_browser, pytest.mark.timeout(300)]

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
MANY = 10_000
HOVER = """<script>
const chart = charts.get(0), box = chart.canvas.getBoundingClientRect();
const item = chart.items[NUMBER], lane = chart.lanes[item[LANE]];
const y = lane.top + item[ROW] * lane.height + lane.height / 2 - chart.box.scrollTop;
chart.canvas.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + chart.x(item[BEGAN]), clientY: box.top + y }));
document.body.dataset.told = chart.shown.textContent;
</script></html>"""
KEYS = """<script>
const chart = charts.get(0), told = [];
for (const key of KEYS) {
  chart.canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
  told.push(chart.shown.textContent.split("\\n")[0], String(chart.view[1] - chart.view[0] < chart.range[1] - chart.range[0]));
}
document.body.dataset.told = told.join(",");
</script></html>"""


def written(path: Path, records, violations=(), script: str = "") -> Path:
    """A page of one section; with a script of the test's own, which its policy would not let run."""
    section = incident.Section(
        title="made", verdict="failed", records=tuple(records), violations=tuple(violations)
    )
    incident.write(
        path, title="made", verdict="failed", sections=[section], redactor=Redactor(Rules(messages=False))
    )
    if script:
        path.write_text(POLICY.sub("", path.read_text()).replace("</html>", script))
    return path


def told(document: str) -> str:
    """What a script of a test has left behind."""
    return html.unescape(re.search(r'data-told="([^"]*)"', document)[1])


def crowd(made) -> list:
    """Ten thousand records: turns of forty sessions, their provider calls, and lines of a log."""
    draw = random.Random(1)
    turns = []
    for number in range(MANY // 4):
        at_s = number / 20 + draw.random() / 100
        changes = {"session": f"s{number % 40}", "status": draw.choice([200, 200, 429, 503])}
        turns.append(made.turn(number, at_s=at_s, ended_s=at_s + draw.random(), **changes))
    calls = [made.call(turn, call=number) for number, turn in enumerate(turns)]
    lines = [
        LogRecord(
            source="app",
            line=number,
            text=f"line {number}",
            level="info",
            request_id=f"r-{number % len(turns)}",
        )
        for number in range(MANY // 2)
    ]
    return [*turns, *calls, *lines]


def test_ten_thousand_records_are_drawn_and_told(tmp_path, made) -> None:
    """All of ten thousand records are drawn, and the pointer over one of the last gives just that one."""
    number = MANY - 700
    page = written(tmp_path / "page.html", crowd(made), script=HOVER.replace("NUMBER", str(number)))
    document = dumped(page, tmp_path / "profile")
    drawn = re.search(r'id="s0" open="" data-drawn="(\d+)" data-items="(\d+)"', document)
    assert (drawn[1], drawn[2]) == (str(MANY), str(MANY))
    begun = re.search(r"([\d.]+)(?:\.\.[\d.]+)? s\n", told(document))[1]
    assert told(document) != "No record is chosen."
    assert float(begun) > MANY / 80 * 0.9


def test_a_record_is_told_under_the_pointer_with_its_violation(tmp_path, made) -> None:
    """The pointer over a record shows all that it holds, and that it is one at which an invariant was violated."""
    wrong = Violation(invariant="turns.answered", message="wrong", evidence="request r-2")
    records = [made.turn(1), made.turn(2, status=503), made.turn(3)]
    page = written(tmp_path / "page.html", records, [wrong], script=HOVER.replace("NUMBER", "1"))
    said = told(dumped(page, tmp_path / "profile"))
    assert said.startswith("violation 1: turns.answered\nPOST /turn 503\nsession a, 2.000..2.100 s\n")
    assert "request_id: r-2" in said


def test_the_keyboard_does_what_the_pointer_does(tmp_path, made) -> None:
    """The arrow keys go from record to record along a row and across rows, and plus, minus and 0 zoom."""
    records = [made.turn(1), made.turn(2, status=503), made.turn(3), made.call(made.turn(3), call=9)]
    keys = '["ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "+", "0"]'
    page = written(tmp_path / "page.html", records, script=KEYS.replace("KEYS", keys))
    said = told(dumped(page, tmp_path / "profile")).split(",")
    one, two, call = "POST /turn 200", "POST /turn 503", "call 9 conversation 200"
    assert said[::2] == [one, two, one, call, one, two, two, two]
    assert said[1::2] == ["false"] * 6 + ["true", "false"]


def test_an_address_can_name_a_record(tmp_path, made) -> None:
    """A link with the number of a section and of a record opens the page at that record."""
    page = written(tmp_path / "page.html", [made.turn(1), made.turn(2, status=503)])
    document = dumped(page, tmp_path / "profile", fragment="#s0-1")
    assert re.search(r'class="record"[^>]*data-item="1"[^>]*>POST /turn 503', document)


@pytest.mark.parametrize("has_policy", [True, False])
def test_what_a_log_says_stays_text(tmp_path, made, has_policy) -> None:
    """A line that would end the script, and start another, is text in the page; no policy is needed for that."""
    hostile = "</script><img src=x onerror=\"document.body.dataset.told='pwned'\"><script>document.body.dataset.told='pwned'</script>"
    records = [
        made.turn(1, session=hostile, path=hostile, request_id="r-1"),
        LogRecord(source="app", line=1, text=hostile, event=hostile, level=hostile),
    ]
    wrong = Violation(invariant=hostile, message=hostile, evidence=f"{hostile} request r-1")
    page = written(tmp_path / "page.html", records, [wrong], script="" if has_policy else "</html>")
    assert bool(POLICY.search(page.read_text())) is has_policy
    document = dumped(page, tmp_path / "profile", fragment="#s0-0")
    assert "data-told" not in document
    assert "<img" not in document
    assert 'data-drawn="2" data-items="2"' in document


def test_the_policy_lets_no_other_script_run(tmp_path, made) -> None:
    """A script that got into the page all the same does not run; the page's own does."""
    page = written(tmp_path / "page.html", [made.turn(1)])
    page.write_text(
        page.read_text().replace("</html>", "<script>document.body.dataset.told='x'</script></html>")
    )
    document = dumped(page, tmp_path / "profile")
    assert " data-told=" not in document.partition("<script")[0]
    assert 'data-drawn="1"' in document

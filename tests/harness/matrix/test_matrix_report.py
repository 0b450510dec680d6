"""What the matrix says, on the terminal, as JSON, as JUnit and as a page, has each cell and its verdict."""

import io
import re
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from harness.commands import matrix_report
from harness.commands.matrix_report import body, cases, headline, page, show
from harness.matrix import CellResult, DefectResult, MatrixResult
from harness.reports import html, junit
from harness.verdict import ScenarioVerdict, Verdict, Violation

LONG = "a_defect_with_a_name_that_is_far_too_long_for_any_one_column_of_a_terminal"


def cell(
    scenario: str, verdict: Verdict, fired: tuple[str, ...] = (), right: tuple[str, ...] = ()
) -> CellResult:
    """A cell that its scenario declares."""
    violations = tuple(Violation(invariant=name, message="<b>", evidence="record 7") for name in fired)
    reasons = ("the target went away",) if verdict is Verdict.INVALID else ()
    said = ScenarioVerdict(
        name=scenario,
        verdict=verdict,
        violations=violations,
        reasons=reasons,
        replay=f"shakeout run {scenario}",
    )
    return CellResult(scenario=scenario, stage="live", declared=True, right=right, result=said)


@pytest.fixture
def result() -> MatrixResult:
    """One defect that is caught, one that is missed by one of two, one of which nothing can be said, one alarm."""
    caught = cell("two", Verdict.FAILED, ("a.other", "a.right"), ("a.right",))
    passed, invalid = cell("one", Verdict.PASSED), cell("two", Verdict.INVALID)
    alarm = ScenarioVerdict(
        name="one",
        verdict=Verdict.FAILED,
        violations=(Violation(invariant="a.alarm", message="<i>", evidence="record 9"),),
        replay="shakeout run one",
        seed=3,
    )
    return MatrixResult(
        defects=(
            DefectResult(name="deaf", wanted=("a.right",), cells=(caught,)),
            DefectResult(name=LONG, wanted=("a.right",), cells=(passed, caught)),
            DefectResult(name="<script>", wanted=("a.right",), cells=(invalid,)),
        ),
        clean=(alarm, ScenarioVerdict(name="two", verdict=Verdict.PASSED, seed=3)),
        stage_of={"one": "live", "two": "live"},
        elsewhere={"three": "is played simulated"},
        unplayed=("other",),
    )


def shown(result: MatrixResult, width: int) -> str:
    """What the terminal says."""
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    show(result, "shakeout matrix --seed 3", console)
    return console.file.getvalue()


def test_the_headline_counts_each_kind(result):
    """One of three came out well, one was missed, one says nothing; a single alarm is no plural."""
    assert headline(result) == (
        "1 of 3 caught, 1 missed, 1 invalid, 1 false alarm in 2 clean scenarios, live, seed 3"
    )


def test_the_terminal_tells_misses_first_with_evidence_and_command(result):
    """The miss stands first in the table; each cell that proves nothing says why; the last line plays all again."""
    text = shown(result, 180)
    assert text.index(LONG) < text.index("<script>") < text.index("deaf ")
    assert f"{LONG} in one MISSED, live\n  wanted a.right; what fired: nothing, the run passed" in text
    assert "<script> in two invalid, live\n  the target went away\n  again: shakeout run two" in text
    assert "not applicable: three: is played simulated" in text
    assert "not in this stage, and not counted: other" in text
    assert text.endswith("again: shakeout matrix --seed 3\n")


def test_no_name_is_cut_on_a_narrow_terminal(result):
    """At 80 columns a name that is too long goes on in the next line, and every letter of it is there."""
    lines = shown(result, 80).split("\n\n")[0].splitlines()
    (end,) = (line.index("class") for line in lines if line.startswith("defect "))
    column = "".join(line[:end].strip() for line in lines)
    assert max(map(len, lines)) <= 80
    assert LONG in column


def test_the_document_has_each_cell(result):
    """JSON keeps the run's own verdict of each cell, which fails where the defect is caught, and its command."""
    said = body(result)
    assert [(one["defect"], one["scenario"], one["verdict"], one["caught"]) for one in said["cells"]] == [
        ("deaf", "two", "failed", True),
        (LONG, "one", "passed", False),
        (LONG, "two", "failed", True),
        ("<script>", "two", "invalid", False),
    ]
    assert said["cells"][3]["reasons"] == ["the target went away"]
    assert said["cells"][0].keys() >= {"stage", "fired", "right", "replay"}
    assert [one["verdict"] for one in said["defects"]] == ["passed", "failed", "invalid"]


def test_junit_has_a_case_for_each_cell(result, tmp_path):
    """A miss is a failure, what cannot be judged an error, and each of the clean scenarios is a case of its own."""
    junit.write(tmp_path / "out.xml", cases(result))
    suites = {suite.get("name"): suite for suite in ET.parse(tmp_path / "out.xml").getroot()}
    assert {one.get("name"): [wrong.tag for wrong in one] for one in suites["defects"]} == {
        "deaf in two": [],
        f"{LONG} in one": ["failure"],
        f"{LONG} in two": [],
        "<script> in two": ["error"],
    }
    assert len(suites["scenarios"]) == 2


def test_the_page_tells_misses_first_and_escapes_what_it_is_told(result):
    """Misses and alarms stand before the grid with their command; right reasons are bold; markup is text."""
    text = html.render("matrix.html", **page(result, "A matrix", "shakeout matrix"))
    grid = text.index('class="grid"')
    for first in (f"<b>{LONG}</b> in one, live", "a.alarm: &lt;i&gt;", "record 9", "shakeout run one"):
        assert text.index(first) < grid
    assert "<b>a.right</b>, a.other" in text
    assert re.search(r'class="unclear" title="the target went away">invalid<', text)
    assert re.search(r'class="miss">missed<', text)
    assert re.search(r"<th>two<br><span[^>]*>live<", text)
    assert "<script>" not in text
    assert "http" not in text, "one file, no network"


def test_a_miss_that_no_scenario_declares_is_a_case_and_on_the_page():
    """A defect without a cell is a failure under its own name, and the page says that nobody declares it."""
    alone = MatrixResult(defects=(DefectResult(name="deaf"),), clean=())
    (case,) = cases(alone)
    assert (case.name, case.verdict) == ("deaf", Verdict.FAILED)
    assert "no scenario declares it" in html.render("matrix.html", **page(alone, "A matrix", ""))
    assert matrix_report.counted(2, "pair") == "2 pairs"

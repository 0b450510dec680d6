"""JUnit XML as CI servers read it."""

from pathlib import Path
from xml.etree import ElementTree as ET

from harness.reports import junit
from harness.verdict import Verdict


def test_what_was_left_out_is_skipped_and_says_why(tmp_path: Path) -> None:
    """It is neither passed in silence nor against anybody."""
    left = junit.Case(
        suite="gates", name="a", verdict=Verdict.PASSED, message="why", details="", skipped=True
    )
    junit.write(tmp_path / "out.xml", [left])
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [root.attrib[name] for name in ("tests", "skipped", "failures", "errors")] == ["1", "1", "0", "0"]
    assert [element.get("message") for element in root.iter("skipped")] == ["why"]


def test_every_suite_has_its_totals(tmp_path: Path) -> None:
    """Each suite, and the whole, counts its tests, failures and errors, and the seconds that they took."""
    verdicts = [
        ("a", Verdict.FAILED),
        ("a", Verdict.INVALID),
        ("a", Verdict.UNDECIDED),
        ("b", Verdict.PASSED),
    ]
    cases = [
        junit.Case(suite=suite, name=str(verdict), verdict=verdict, message="", details="", elapsed_s=1.25)
        for suite, verdict in verdicts
    ]
    junit.write(tmp_path / "out.xml", cases)
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [
        tuple(element.attrib[name] for name in ("name", "tests", "failures", "errors", "time"))
        for element in (root, *root)
    ] == [("shakeout", "4", "1", "2", "5.000"), ("a", "3", "1", "2", "3.750"), ("b", "1", "0", "0", "1.250")]

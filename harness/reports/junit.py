"""JUnit XML, as CI servers read it: a case a scenario or gate; invalid and undecided are errors, never passes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.reports.json_file import write_whole
from harness.verdict import ScenarioVerdict, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: its verdict, one line on it, and the details. `skipped`: it was left out, and `message` says by what."""

    suite: str
    name: str
    verdict: Verdict
    message: str
    details: str
    elapsed_s: float = 0.0
    skipped: bool = False


def scenario_case(result: ScenarioVerdict) -> Case:
    """A scenario as a case."""
    lines = [f"{v.arm}: {v.invariant}: {v.message}\n    {v.evidence}" for v in result.violations]
    lines += [*result.reasons, f"replay: {result.replay}"]
    first = next((f"{v.invariant}: {v.message}" for v in result.violations), "; ".join(result.reasons))
    return Case(
        suite="scenarios",
        name=result.name,
        verdict=result.verdict,
        message=first,
        details="\n".join(lines),
        elapsed_s=result.elapsed_s,
    )


def write(path: Path, cases: Iterable[Case]) -> None:
    """Write all cases as one file."""
    listed = list(cases)
    root = ET.Element("testsuites", {"name": "shakeout", **_totals(listed)})
    for name in sorted({case.suite for case in listed}):
        members = [case for case in listed if case.suite == name]
        suite = ET.SubElement(root, "testsuite", {"name": name, **_totals(members)})
        for case in members:
            _add(suite, case)
    ET.indent(root)
    write_whole(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    """How many cases there are and how they ended, and the seconds that they took."""
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.verdict is Verdict.FAILED for case in cases)),
        "errors": str(sum(case.verdict in (Verdict.INVALID, Verdict.UNDECIDED) for case in cases)),
        "skipped": str(sum(case.skipped for case in cases)),
        "time": f"{sum(case.elapsed_s for case in cases):.3f}",
    }


def _add(suite: ET.Element, case: Case) -> None:
    """Add one case."""
    time = f"{case.elapsed_s:.3f}"
    element = ET.SubElement(suite, "testcase", classname=case.suite, name=case.name, time=time)
    if case.skipped:
        ET.SubElement(element, "skipped", message=case.message)
    if case.skipped or case.verdict is Verdict.PASSED:
        return
    tag = "failure" if case.verdict is Verdict.FAILED else "error"
    message = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", case.message)
    wrong = ET.SubElement(element, tag, type=str(case.verdict), message=message)
    wrong.text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", case.details)

"""A profile that is wrong makes a load invalid, with its line; what the service does wrong does not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.gates import parse
from harness.gates.cells import Cell, Cells
from harness.gates.service_log import LogCell
from harness.load.frames import Run
from harness.load.mistakes import mistakes, unwritten
from harness.load.options import LoadOptions
from harness.load.run import Load
from harness.load.target import Starter
from harness.targets.profile import load
from harness.verdict import Verdict

PROFILE = load()


def answered(**statuses: int) -> Run:
    """A run whose requests were answered so: `s404=3` are three with a 404."""
    cell = Cell(requests=sum(statuses.values()))
    cell.statuses = Counter({int(name[1:]): count for name, count in statuses.items()})
    return Run(cells=Cells(by_key={("chat", "POST /turn", "load"): cell}))


@pytest.mark.parametrize(("run", "key"), [
    (answered(s404=3), "path"),
    (answered(s405=3), "method"),
    (answered(s422=3), "body"),
    (answered(s401=2, s403=1), "headers"),
    (answered(s404=999, s200=1), None),
    (answered(s500=3), None),
    (answered(s404=2, s0=1), None),
    (answered(), None),
])  # fmt: skip
def test_requests_that_all_miss_the_service_name_the_key(run: Run, key: str | None) -> None:
    """Where one was answered otherwise, or not at all, the profile is not to blame."""
    said = list(mistakes(run, PROFILE, ()))
    assert [one.endswith(f"; mend [turn] {key}") for one in said] == [True] * (key is not None)
    assert all(one.startswith(f"{PROFILE.at(f'turn.{key}')}: POST /workflow/execute -> 4") for one in said)


@pytest.mark.parametrize(("gate", "is_mistake"), [
    ("status(403) == 3", False), ("status(4xx) < 5", False), ("status(5xx) == 0", True), ("error_rate < 1%", True),
    ("status(4xx) == 0", True), ("status(403) < 1", True), ("status(4xx) > 0", False),
])  # fmt: skip
def test_a_status_that_a_gate_is_about_is_no_mistake(gate: str, is_mistake: bool) -> None:
    """Who asks how many are refused knows that they may be."""
    assert bool(list(mistakes(answered(s403=3), PROFILE, (parse(gate),)))) is is_mistake
    wanted = (parse("status(403) < 999"),)
    assert list(mistakes(answered(s403=3, s404=990), PROFILE, wanted))
    assert not list(mistakes(answered(s403=990, s404=3), PROFILE, wanted))
    for tied in (answered(s403=3, s404=3), answered(s404=3, s403=3)):
        assert not list(mistakes(tied, PROFILE, wanted))


@pytest.mark.parametrize(("lines", "is_there", "gate", "is_wrong"), [
    (0, False, 'log("x") == 0', True),
    (0, True, 'log("x") == 0', False),
    (7, False, 'log("x") == 0', False),
    (0, False, "error_rate < 1%", False),
])  # fmt: skip
def test_a_log_that_was_never_written_is_named_by_its_line(
    lines: int, is_there: bool, gate: str, is_wrong: bool
) -> None:
    """Where a gate is on it; one that was read and has gone since was rotated."""
    profile, run = replace(PROFILE, log="x.log"), answered(s200=1)
    run.log = {"load": LogCell(lines=lines)}
    said = list(unwritten(run, profile, (parse(gate),), is_there=is_there))
    wanted = f"{profile.at('log')}: log = 'x.log': No such file or directory; name the file that it writes to"
    assert said == [wanted] * is_wrong


@pytest.mark.usefixtures("patience")
async def test_a_load_that_misses_the_service_is_invalid(stub: Callable[..., Starter]) -> None:
    """All its requests were answered with a 404: that fails a gate, and is no word on the service."""
    options = LoadOptions(requests=20, rate_per_s=100, gates=(parse("error_rate < 1%"),))
    report = await Load(start=stub(status=404)).run(options)
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0].endswith("20 of 20 requests, and none with a 200; mend [turn] path")

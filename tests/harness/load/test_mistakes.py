"""A profile that is wrong makes a load invalid, with its line; what the service does wrong does not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gates import parse
from harness.gates.cells import Cell, Cells
from harness.load.frames import Run
from harness.load.mistakes import mistakes
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
    said = list(mistakes(run, PROFILE, {}))
    assert [one.endswith(f"; mend [turn] {key}") for one in said] == [True] * (key is not None)
    assert all(one.startswith(f"{PROFILE.at(f'turn.{key}')}: POST /workflow/execute -> 4") for one in said)


def test_a_log_that_was_never_written_is_named_by_its_line(tmp_path: Path) -> None:
    """The file that the profile names is not there in the end; one that is there, or that nobody asked for, is fine."""
    place = tmp_path / "x.log"
    profile = replace(PROFILE, log=str(place))
    (said,) = mistakes(answered(s200=1), profile, {"app": place})
    assert said.startswith(f"{profile.at('log')}: log = '{place}': No such file or directory; name the file")
    assert not list(mistakes(answered(s200=1), profile, {}))
    place.write_text("")
    assert not list(mistakes(answered(s200=1), profile, {"app": place}))


@pytest.mark.usefixtures("patience")
async def test_a_load_that_misses_the_service_is_invalid(stub: Callable[..., Starter]) -> None:
    """All its requests were answered with a 404: that fails a gate, and is no word on the service."""
    options = LoadOptions(requests=20, rate_per_s=100, gates=(parse("error_rate < 1%"),))
    report = await Load(start=stub(status=404)).run(options)
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0].endswith("20 of 20 requests, none with another end; mend [turn] path")

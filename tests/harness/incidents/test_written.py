"""A file is kept only where a fresh run of it fails for the same reason and logs what it should."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.incidents import written as writing
from harness.incidents.smaller import Smallest
from harness.incidents.written import Proof, written
from harness.logs import parse
from harness.runner import Options
from harness.verdict import ScenarioVerdict, Verdict
from tests.harness.incidents.test_diagnose import CONTRACT, LATE, PLAIN, diagnosis, suspect, tried

LOGGED = [(LATE, True), (PLAIN, False)]


@pytest.mark.parametrize(("logged", "is_kept"), LOGGED, ids=["logs_it", "logs_another_thing"])
async def test_a_file_that_fails_and_does_not_log_what_it_should_is_not_kept(
    made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logged: str, is_kept: bool
) -> None:
    """It breaks the invariant in its fresh run; whether it is kept is decided by the log of that run."""
    known, first = diagnosis(LATE), tried(suspect("mistake"), LATE)
    known.add(first)
    small = Smallest(tried=first, distance=known.distance(first), invariant="known", runs=1)
    lines = parse(logged.format(1).splitlines())
    fresh = replace(made.history(*lines), header=made.header(contract=CONTRACT))
    result = ScenarioVerdict(name="found", verdict=Verdict.FAILED, violations=first.violations)

    async def afresh(*_: Any) -> Proof:
        """The run of the file."""
        return Proof(result=result, histories=(fresh,))

    monkeypatch.setattr(writing, "_afresh", afresh)
    place, options = tmp_path / "found.py", Options(profile=None)  # type: ignore[arg-type]  # nothing is played
    if is_kept:
        assert (await written(known, small, options, place, ["told"])).result is result
    else:
        with pytest.raises(InvalidRun, match=r"a fresh run of the file did not log: .*skipped"):
            await written(known, small, options, place, ["told"])
    assert place.exists() is is_kept

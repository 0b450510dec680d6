"""A service with a log file: its mistakes in logging are found with a profile and no code."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget

PROFILE = Path(__file__).parent / "scribe" / "profile.toml"

FOUND = [
    ("simulated", "prints", "logs.sink_raises", "outcome.status_in_contract"),
    ("live", "prints", "logs.sink_raises", "outcome.status_in_contract"),
    ("live", "torn", "logs.long_lines", "logs.long_lines.whole"),
    ("live", "no_append", "logs.rotation", "logs.rotation.whole_lines"),
]
"""The stage, its mistake, the fault under which it shows, and the invariant that says so."""


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found[0]}-{found[1]}")
def test_a_mistake_in_logging_is_found(
    shakeout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: tuple[str, str, str, str]
) -> None:
    """With the mistake the sweep fails by the invariant that is about it; that its mended twin passes is seen below."""
    stage, flaw, fault, invariant = found
    place = tmp_path / "sweep.json"
    monkeypatch.setenv("FLAWS", flaw)
    code, said, _ = shakeout("sweep", fault, "--stage", stage, "--target", str(PROFILE), "--json", str(place))
    violated = {
        one["invariant"] for each in json.loads(place.read_text())["scenarios"] for one in each["violations"]
    }
    assert (code, invariant in violated) == (1, True), said


@pytest.mark.parametrize("stage", ["simulated", "live"])
def test_a_log_that_is_written_aside_withstands_the_whole_plane(shakeout: Any, stage: str) -> None:
    """Every fault of the log plane that the stage carries fires, and no turn suffers."""
    code, said, _ = shakeout("sweep", "logs", "--stage", stage, "--target", str(PROFILE))
    assert code == 0, said


def test_a_service_that_writes_nothing_has_no_sink_to_break(shakeout: Any) -> None:
    """Without a server nobody writes an access line: what needs lines on the standard output is not applicable."""
    profile = PROFILE.parents[1] / "helpdesk" / "profile.toml"
    code, _, said = shakeout("sweep", "logs.disk_full", "--target", str(profile))
    assert code == 2
    assert "logs.disk_full: needs output" in said


async def test_a_run_that_breaks_off_leaves_one_log_file(tmp_path: Path) -> None:
    """Whatever ends a run in the middle of a rotation, the parts are put together when the target has ended."""
    job = Job(name="x", arm="faulted", steps=(), faults=(), profile=profiles.load(str(PROFILE)), seed=1)

    async def run() -> None:
        async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
            assert target.rig.log is not None
            async with target.rig.log.rotated("x", how="rename"):
                assert len(list(tmp_path.glob("scribe.log*"))) == 2
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run()
    assert [one.name for one in tmp_path.glob("scribe.log*")] == ["scribe.log"]

"""Whole runs: real generators against a stub, and against the reference service."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.errors import InvalidRun, UsageError
from harness.gates import parse, success_criteria
from harness.gates.criterion import Scope
from harness.gates.verdicts import Watch
from harness.load.frames import Run, read
from harness.load.journey import canary
from harness.load.kept import FRAMES, TOLD
from harness.load.options import LoadOptions
from harness.load.phases import Phase
from harness.load.report import LoadReport
from harness.load.run import Load
from harness.load.target import Starter
from harness.load.watching import seen
from harness.targets.profile import load
from harness.verdict import Verdict
from tests.harness.load.processes import is_sending, locusts

pytestmark = pytest.mark.usefixtures("patience")
Stub = Callable[..., Starter]
CALM = tuple(
    gate for gate in success_criteria(load().contract, canary=canary(0)) if gate.metric not in ("p99", "max")
)
"""The success criteria but for those on durations, which a slow machine may break."""


def of(report: LoadReport, verdict: Verdict) -> list[str]:
    """The names of the gates with this verdict."""
    return [gate.name for gate in report.gates if gate.verdict is verdict]


def opened() -> list[str]:
    """What this process has open; a file that is no more is called so by the system."""
    places = Path("/proc/self/fd").iterdir()
    return [str(place.readlink()) for place in places if place.is_symlink()]


async def test_a_small_load_on_the_reference_service_is_undecided() -> None:
    """200 requests on the real service pass every gate but the rates, which say how many are missing."""
    said: list[str] = []
    report = await Load(say=said.append).run(LoadOptions(requests=200, users=5, gates=CALM))
    assert report.reasons == ()
    assert (report.verdict, report.requests, report.missing) == (Verdict.UNDECIDED, 200, 2_795)
    assert of(report, Verdict.UNDECIDED) == ["error_rate < 0.1%"]
    assert of(report, Verdict.FAILED) == []
    assert any("requests, " in one and "gates decided" in one for one in said)
    assert locusts() == []


async def test_a_healthy_service_passes(stub: Stub) -> None:
    """3,000 requests without an error are sent exactly, by two generators, counted by both sides, and pass."""
    report = await Load(start=stub()).run(LoadOptions(requests=3_000, users=6, workers=2, gates=CALM))
    assert (report.verdict, report.requests, report.reasons) == (Verdict.PASSED, 3_000, ())


async def test_requests_that_are_due_by_the_clock_are_sent_exactly(stub: Stub) -> None:
    """However they are drawn, as many as were asked for, none before it was due, and all of them are on record."""
    report = await Load(start=stub()).run(LoadOptions(requests=300, rate_per_s=100, workers=2, gates=CALM))
    parts = [part for one in report.run.parts.values() for part in one]
    assert (report.requests, sum(part.due for part in parts), sum(part.sent for part in parts)) == (
        300,
        300,
        300,
    )
    whole = report.run.cells.within(Scope())
    assert (
        whole.latency.sum_us >= whole.service.sum_us
    )  # who sends early is answered before its latency would end
    assert of(report, Verdict.FAILED) == []


async def test_a_service_that_logs_success_on_500_fails_for_that_reason(stub: Stub) -> None:
    """Every third turn a 500 that is logged as a success: error rate, 5xx, and the log against the wire all fail."""
    start = stub(status=500, wrong_every=3, logged=200)
    report = await Load(start=start).run(LoadOptions(requests=300, users=5))
    assert report.verdict is Verdict.FAILED
    failed = of(report, Verdict.FAILED)
    assert {"error_rate < 0.1%", "status(5xx) == 0", "misreported == 0"} <= set(failed)
    assert "forgotten == 0" not in failed


async def test_a_log_that_cannot_be_had_is_missed_unless_it_is_left_out(stub: Stub) -> None:
    """Nothing is sent where half of the evidence is not there; left out by name, what it would show is listed."""
    start = stub(logged_nowhere=True)
    with pytest.raises(UsageError, match="has no log: name it with log = in its profile, or leave all gates"):
        await Load(start=start).run(LoadOptions(requests=20, rate_per_s=100))
    given = parse('log("x") == 0'), parse("error_rate < 1%")
    options = LoadOptions(requests=20, rate_per_s=100, without_log=True, gates=given)
    report = await Load(start=start).run(options)
    assert report.unwitnessed == ('log("x") == 0',)
    assert [gate.name for gate in report.gates] == ["error_rate < 1%"]
    assert "--without-log" in options.replay


async def test_a_run_by_time_cuts_no_turn_off(stub: Stub) -> None:
    """After one second the users, each in the middle of a turn, finish it: all that were begun are on record."""
    report = await Load(start=stub(answer_s=0.3)).run(LoadOptions(for_s=1, users=5))
    assert report.reasons == ()
    assert report.requests > 0


async def test_a_run_ends_by_itself_when_its_gates_are_decided(stub: Stub) -> None:
    """A service that fails every fifth request is failed long before the time is over, and what was sent is on record."""
    options = LoadOptions(until_decided=True, max_s=300, rate_per_s=100, gates=(parse("error_rate < 1%"),))
    report = await Load(start=stub(status=500, wrong_every=5)).run(options)
    assert (report.verdict, report.reasons) == (Verdict.FAILED, ())
    assert report.requests < 5_000


async def test_a_good_service_is_passed_as_soon_as_the_evidence_is_there(stub: Stub) -> None:
    """Not before its gate is decided, and not long after: what is under way then is all that comes on top."""
    options = LoadOptions(until_decided=True, max_s=300, rate_per_s=100, gates=(parse("error_rate < 2%"),))
    report = await Load(start=stub()).run(options)
    assert (report.verdict, report.reasons) == (Verdict.PASSED, ())
    assert 150 < report.requests < 5_000


async def test_phases_are_counted_apart(stub: Stub) -> None:
    """A gate on a phase sees its requests alone; a phase that there is not is refused before anything is sent."""
    phases = (Phase.of("first 1s 50/s"), Phase.of("second 1s 100/s"))
    options = LoadOptions(phases=phases, gates=(parse("error_rate @phase=second < 90%"),))
    report = await Load(start=stub()).run(options)
    counted = {key[2]: cell.requests for key, cell in report.run.cells.by_key.items()}
    assert set(counted) == {"first", "second"}
    assert report.gates[0].message.startswith(f"0 of {counted['second']}")
    with pytest.raises(UsageError, match="there is no phase third; there are: first, second"):
        LoadOptions(phases=phases, gates=(parse("error_rate @phase=third < 90%"),))


async def test_the_evidence_of_a_run_is_kept_and_judges_it_again(stub: Stub, tmp_path: Path) -> None:
    """Frames and log are in the folder, which is made; the frames give the same verdict, to the letter."""
    kept = tmp_path / "deep" / "kept"
    report = await Load(start=stub(), keep=kept).run(LoadOptions(requests=60, users=3))
    assert {path.name for path in kept.iterdir()} == {FRAMES, TOLD, "load-app.log"}
    told = {"schema": 1, "model": "3 closed users", "reasons": [], "logs": ["load-app.log"]}
    assert json.loads((kept / TOLD).read_text()) == told
    assert (kept / "load-app.log").read_text().count("api_request_complete") == 60
    run = Run.of(map(read, (kept / FRAMES).read_bytes().splitlines()))
    gates = [parse(gate.name) for gate in report.gates]
    again = Watch(criteria=gates, watched=False).look(seen(run, promised="api_request_complete"))
    assert repr(again) == repr(report.gates)


async def test_evidence_that_cannot_be_kept_makes_the_run_invalid(stub: Stub, tmp_path: Path) -> None:
    """A folder that cannot be made is told in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRun, match="the evidence was not kept, run it again"):
        await Load(start=stub(), keep=tmp_path / "file").run(LoadOptions(requests=5, users=1))


async def test_a_run_whose_evidence_finds_no_room_has_its_gates_and_says_so(
    stub: Stub, tmp_path: Path
) -> None:
    """A disk that is full from the second frame on costs the evidence, and not what was seen."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / FRAMES).symlink_to("/dev/full")
    report = await Load(start=stub(), keep=kept).run(LoadOptions(requests=60, users=3))
    assert (report.requests, report.verdict) == (60, Verdict.INVALID)
    assert report.reasons == (f"{kept}: No space left on device; the evidence was not kept, run it again",)
    assert all(gate.observed is not None for gate in report.gates)


async def test_a_cancelled_run_leaves_no_generator_and_gives_what_it_has(stub: Stub, tmp_path: Path) -> None:
    """Cancelled half-way, as by Ctrl-C, the run ends only after its generators are gone; report and evidence are marked."""
    begun = asyncio.Event()
    partial: list[LoadReport] = []

    def say(progress: str) -> None:
        if is_sending(progress):
            begun.set()

    load = Load(start=stub(), keep=tmp_path, say=say, partial=partial.append)
    run = asyncio.create_task(load.run(LoadOptions(requests=200_000, users=2)))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert locusts() == []
    (report,) = partial
    assert (report.verdict, report.requests > 0) == (Verdict.INVALID, True)
    assert "the run was interrupted" in report.reasons
    assert "the run was interrupted" in json.loads((tmp_path / TOLD).read_text())["reasons"]
    assert not [path for path in opened() if path.endswith("stub.log (deleted)")]


def test_no_generator_outlives_its_parent(tmp_path: Path) -> None:
    """Killed with no chance to clean up, the parent still leaves neither locust nor target behind."""
    code = (
        "import asyncio; from harness.load.options import LoadOptions; from harness.load.run import Load; "
        "asyncio.run(Load(say=lambda text: print(text, flush=True)).run(LoadOptions(requests=200_000, users=5)))"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # what the killed parent cannot remove
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        assert any(map(is_sending, parent.stdout))
        children = psutil.Process(parent.pid).children()
        parent.kill()
    assert len(children) == 3
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_the_parent_never_imports_locust() -> None:
    """Importing the run leaves the process unpatched: neither locust nor gevent is loaded."""
    code = (
        "import sys, harness.load.run, harness.commands.load; print({'locust', 'gevent'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

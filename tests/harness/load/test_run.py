"""Whole runs: a real locust against a stub, and against the reference service."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.errors import InvalidRun
from harness.load import recorder
from harness.load.options import LoadOptions
from harness.load.report import LoadReport
from harness.load.run import load
from harness.load.target import Starter
from harness.verdict import Verdict

Stub = Callable[..., Starter]


def locusts() -> list[int]:
    """The generators that this process has started and that still run."""
    return [child.pid for child in psutil.Process().children() if "locust" in child.cmdline()]


def of(report: LoadReport, verdict: Verdict) -> list[str]:
    """The names of the gates with this verdict."""
    return [gate.name for gate in report.gates if gate.verdict is verdict]


async def test_a_small_load_on_the_reference_service_is_undecided() -> None:
    """200 turns on the real service pass every gate but the error rate, which says how many are missing."""
    said: list[str] = []
    report = await load(LoadOptions(requests=200, users=10), say=said.append)
    assert report.reasons == ()
    assert (report.verdict, report.requests, report.missing) == (Verdict.UNDECIDED, 200, 2_795)
    assert of(report, Verdict.UNDECIDED) == ["error_rate < 0.1%", "latency p99 < 2 s"]
    assert of(report, Verdict.FAILED) == []
    assert "200 of 200 turns" in said
    assert locusts() == []


async def test_a_healthy_service_passes(stub: Stub) -> None:
    """3,000 turns without an error are sent exactly, counted by both sides, and pass."""
    report = await load(LoadOptions(requests=3_000, users=5), start=stub())
    assert (report.verdict, report.requests, report.reasons) == (Verdict.PASSED, 3_000, ())


async def test_a_service_that_logs_success_on_500_fails_for_that_reason(stub: Stub) -> None:
    """Every third turn a 500 that is logged as a success: error rate, 5xx, and the log against the wire all fail."""
    report = await load(LoadOptions(requests=300, users=5), start=stub(status=500, wrong_every=3, logged=200))
    assert report.verdict is Verdict.FAILED
    failed = of(report, Verdict.FAILED)
    assert {"error_rate < 0.1%", "status(5xx) == 0", "status in log == status on the wire"} <= set(failed)
    assert "history preserved: turn n is answered as turn n" not in failed


async def test_a_run_by_time_cuts_no_turn_off(stub: Stub) -> None:
    """After one second the users, each in the middle of a turn, finish it: all that were begun are on record."""
    report = await load(LoadOptions(for_s=1, users=5), start=stub(answer_s=0.3))
    assert report.reasons == ()
    assert report.requests > 0


async def test_a_killed_generator_makes_the_run_invalid(stub: Stub) -> None:
    """Where locust is killed half-way, what it left is no verdict."""

    def kill(progress: str) -> None:
        if not progress.startswith("0 ") and (running := locusts()):
            os.kill(running[0], signal.SIGKILL)

    report = await load(LoadOptions(requests=200_000, users=5), start=stub(), say=kill)
    assert report.verdict is Verdict.INVALID
    assert any(reason.startswith("locust ended with signal 9") for reason in report.reasons)
    assert any("did not come to its end" in reason for reason in report.reasons)


@pytest.mark.parametrize(("mistake", "reason"), [
    ({"nonce_sent": "another"}, "60 answers did not carry the nonce"),
    ({"uncounted": 1}, "60 turns are on record and the target counted 59"),
    ({"metric": "other_total"}, "metrics have no app_responses_total"),
    ({"metric": "{"}, "metrics have no app_responses_total"),
    ({"dies_after": 20}, "the target died under load"),
])  # fmt: skip
async def test_an_observation_that_cannot_be_trusted_is_invalid(
    stub: Stub, mistake: dict[str, object], reason: str
) -> None:
    """Another's nonce, another count and a dead target each invalidate the run and say why."""
    report = await load(LoadOptions(requests=60, users=3), start=stub(**mistake))
    assert report.verdict is Verdict.INVALID
    assert any(reason in told for told in report.reasons)


async def test_the_evidence_of_a_run_is_kept_where_it_is_wanted(stub: Stub, tmp_path: Path) -> None:
    """The records and the target's whole log are copied into the folder, which is made."""
    kept = tmp_path / "deep" / "kept"
    await load(LoadOptions(requests=60, users=3), start=stub(), keep=kept)
    assert {path.name for path in kept.iterdir()} == {"load-records.jsonl", "load-app.log"}
    assert len(recorder.read(kept / "load-records.jsonl").turns) == 60
    assert (kept / "load-app.log").read_text().count("api_request_complete") == 60


async def test_evidence_that_cannot_be_kept_makes_the_run_invalid(stub: Stub, tmp_path: Path) -> None:
    """A folder that went away during the run is told in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRun, match="the records were not kept, run it again"):
        await load(LoadOptions(requests=5, users=1), start=stub(), keep=tmp_path / "file")


async def test_a_cancelled_run_leaves_no_generator(stub: Stub) -> None:
    """Cancelled half-way, as by Ctrl-C, the run ends only after its locust is gone."""
    begun = asyncio.Event()

    def say(progress: str) -> None:
        if locusts():
            begun.set()

    run = asyncio.create_task(load(LoadOptions(requests=200_000, users=2), start=stub(), say=say))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert locusts() == []


def test_a_generator_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Killed with no chance to clean up, the parent still leaves neither locust nor target behind."""
    code = (
        "import asyncio; from harness.load.options import LoadOptions; from harness.load.run import load; "
        "asyncio.run(load(LoadOptions(requests=200_000), say=lambda text: print(text, flush=True)))"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # what the killed parent cannot remove
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        assert any(not line.startswith("0 ") for line in parent.stdout)
        children = psutil.Process(parent.pid).children()
        parent.kill()
    assert len(children) == 2
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_the_parent_never_imports_locust() -> None:
    """Importing the run leaves the process unpatched: neither locust nor gevent is loaded."""
    code = "import sys, harness.load.run; print({'locust', 'gevent'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""The locust file alone, as a user of locust runs it."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.load.options import LoadOptions
from harness.load.run import Load
from harness.load.target import Starter
from harness.targets.ports import free_port
from harness.verdict import Verdict

pytestmark = pytest.mark.usefixtures("patience")
ROOT = Path(__file__).parents[3]
Stub = Callable[..., Starter]


Locust = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Locust]:
    """Runs `locust -f locustfile.py --headless` with more arguments; gives its exit code and all that it said.

    A file that it leaves in its folder for temporary files is an error.
    """
    place = tmp_path / "temporary"
    place.mkdir()

    async def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--only-summary"]
        process = await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(place)},
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return process.returncode, said.decode()

    yield run
    assert list(place.iterdir()) == []


def ended(code: int, said: str) -> int:
    """The exit code; that of an undecided run where all that speaks against it is that the machine was too slow."""
    doubts = [line for line in said.splitlines() if line.startswith("invalid: ")][:-1]
    slow = all("stood still" in doubt or "of a core" in doubt for doubt in doubts)
    return 4 if code == 3 and doubts and slow else code


async def test_the_exit_code_is_that_of_the_gates(stub: Stub, locust: Locust, tmp_path: Path) -> None:
    """Too few requests end with 4, the figure that is missing, and the gates that were left out."""
    async with stub()(LoadOptions(), tmp_path) as target:
        aimed = ("-u", "3", "-r", "3", "--requests", "60", "--host", target.base_url)
        code, said = await locust(*aimed, "--without-log")
    assert ended(code, said) == 4, said
    assert "60 requests, 3 closed users" in said
    assert "2,935 more good requests would pass it" in said
    assert "not judged misreported == 0: --without-log" in said


async def test_with_a_log_its_gates_are_judged(stub: Stub, locust: Locust, tmp_path: Path) -> None:
    """Given the service's log, what stands in it from before the run does not count, and what it lacks is no pass."""
    log = tmp_path / "service.log"
    log.write_text('{"event":"conversation_aware_classification_skipped"}\n')
    async with stub(status=500, wrong_every=5)(LoadOptions(), tmp_path) as target:
        aimed = ("-u", "3", "-r", "3", "-t", "60s", "--requests", "60", "--host", target.base_url)
        code, said = await locust(*aimed, "--target-log", str(log))
    assert code == 3, said
    assert "failed    status(5xx) == 0" in said
    assert "failed    misreported == 0" in said
    assert 'invalid   log("conversation_aware_classification_skipped") == 0' in said
    assert "the log is empty" in said


async def test_a_master_judges_what_its_workers_sent(stub: Stub, locust: Locust, tmp_path: Path) -> None:
    """Two workers that were started by themselves share the requests; the master says what all of them show."""
    port = str(free_port())
    async with stub()(LoadOptions(), tmp_path) as target:
        aimed = ("-u", "4", "-r", "4", "--requests", "61", "--without-log", "--host", target.base_url)
        master = locust("--master", "--expect-workers", "2", "--master-bind-port", port, *aimed)
        worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
        (code, said), *_ = await asyncio.gather(master, locust(*worker), locust(*worker))
    assert ended(code, said) == 4, said
    assert "61 requests, 4 closed users" in said


async def test_a_load_waits_for_generators_that_are_started_elsewhere(
    stub: Stub, locust: Locust, tmp_path: Path
) -> None:
    """With a place to come to, `shakeout load` starts a master alone; locustfile.py is all that a worker needs."""
    port = str(free_port())
    options = LoadOptions(requests=80, rate_per_s=100, workers=2, bind=f"127.0.0.1:{port}")
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    report, *_ = await asyncio.gather(Load(start=stub()).run(options), locust(*worker), locust(*worker))
    assert (report.requests, report.reasons) == (80, ())
    assert len(report.run.parts) == 2


async def test_more_generators_than_are_expected_make_the_run_invalid(stub: Stub, locust: Locust) -> None:
    """Who sends what could not be told: all of them are ended, and it is said how many came."""
    options = LoadOptions(requests=2_000, rate_per_s=100, bind=f"127.0.0.1:{(port := free_port())}")
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", str(port))
    report, *_ = await asyncio.gather(Load(start=stub()).run(options), locust(*worker), locust(*worker))
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0] == "2 generators came, and 1 are expected: start no more than that"


async def test_generators_that_do_not_come_are_waited_for_and_missed(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waits it says how one is started; where none comes in time, that is the reason, and nothing was sent."""
    for module in ("generator", "watching"):
        monkeypatch.setattr(f"harness.load.{module}.WORKERS_S_MAX", 2)
    place = f"127.0.0.1:{free_port()}"
    said: list[str] = []
    report = await Load(start=stub(), say=said.append).run(LoadOptions(requests=20, workers=2, bind=place))
    start = f"; start each with locust -f locustfile.py --worker --master-host 127.0.0.1 --master-port {place[10:]}"
    assert f"0 of 2 generators have come{start}" in said
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0] == f"0 of 2 generators came within 2 s{start}"


async def test_a_place_that_is_taken_is_refused(stub: Stub) -> None:
    """Before anything is started: a stranger listens there."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        place = f"127.0.0.1:{stranger.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"--bind {place}: Address already in use"):
            await Load(start=stub()).run(LoadOptions(requests=20, bind=place))


@pytest.mark.parametrize(("arguments", "code", "reason"), [
    ((), 2, "half of the evidence: give --target-log FILE, or --without-log"),
    (("--requests", "0"), 2, "--requests 0: must be at least 1"),
    (("--target-profile", "no/such.toml"), 2, "no/such.toml"),
    (("--target-log", "no/such.log"), 2, "no/such.log"),
    (("--target-log", __file__, "--without-log"), 2, "and --without-log: give one of the two"),
    (("--plan", "no/such.json"), 2, "no/such.json"),
    (("--requests", "20", "--without-log"), 3, "not one request was answered"),
])  # fmt: skip
async def test_what_cannot_be_run_or_trusted_says_so(
    locust: Locust, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    """A usage error ends with 2 before anything is sent; a service that is not there ends with 3."""
    found, said = await locust("-u", "1", "--host", "http://127.0.0.1:9", *arguments)
    assert found == code, said
    assert reason in said

"""The locust file alone, as a user of locust runs it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from harness.load.options import LoadOptions
from harness.load.target import Starter

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


async def test_the_exit_code_is_that_of_the_gates(stub: Stub, locust: Locust, tmp_path: Path) -> None:
    """Too few requests end with 4, the figure that is missing, and the gates that nobody could testify to."""
    async with stub()(LoadOptions(), tmp_path) as target:
        code, said = await locust("-u", "3", "-r", "3", "--requests", "60", "--host", target.base_url)
    assert code == 4
    assert (
        "undecided, by what the wire shows; 8 gates were not witnessed: 60 requests, 3 closed users, 2,935 more requests are missing"
        in said
    )
    assert "not judged status in log == status on the wire: give the service's log" in said


async def test_with_a_log_its_gates_are_judged(stub: Stub, locust: Locust, tmp_path: Path) -> None:
    """Given the service's log, what stands in it from before the run does not count, and what it lacks fails."""
    log = tmp_path / "service.log"
    log.write_text('{"event":"conversation_aware_classification_skipped"}\n')
    async with stub(status=500, wrong_every=5)(LoadOptions(), tmp_path) as target:
        code, said = await locust(
            "-u",
            "3",
            "-r",
            "3",
            "-t",
            "1s",
            "--host",
            target.base_url,
            "--target-log",
            str(log),
        )
    assert code == 3
    assert "failed    status(5xx) == 0" in said
    assert "failed    status in log == status on the wire" in said
    assert 'invalid   log("conversation_aware_classification_skipped") == 0: the log is empty' in said


@pytest.mark.parametrize(("arguments", "code", "reason"), [
    (("--requests", "0"), 2, "--requests 0: must be at least 1"),
    (("--target-profile", "no/such.toml"), 2, "no/such.toml"),
    (("--target-log", "no/such.log"), 2, "no/such.log"),
    (("--requests", "20"), 3, "not one turn was answered"),
])  # fmt: skip
async def test_what_cannot_be_run_or_trusted_says_so(
    locust: Locust, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    """A usage error ends with 2 before anything is sent; a service that is not there ends with 3."""
    found, said = await locust("-u", "1", "--host", "http://127.0.0.1:9", *arguments)
    assert found == code
    assert reason in said

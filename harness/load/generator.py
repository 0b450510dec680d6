"""The generator: locust in a process group of its own, watched while it runs and gone when the block ends."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.load.options import LoadOptions
from harness.load.plan import Plan
from harness.load.target import LoadTarget

LOCUSTFILE = Path(__file__).with_name("master.py")
POLL_S = 0.25
STILL_S_MAX = 60.0
"""No turn may take so long, nor the start of locust: a generator that writes nothing for so long is stuck."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How many turns are on disk, read as the records grow, and when they last did."""

    path: Path
    turns: int = 0
    grown_s: float = field(default_factory=time.monotonic)
    _offset: int = 0

    def read(self) -> int:
        """Read on; the number of turns on disk by now. A turn is a line that begins with a bracket."""
        if self.path.exists() and (size := self.path.stat().st_size) > self._offset:
            with self.path.open("rb") as stream:
                # From the last byte read on, so that an end of line and the bracket after it are seen together.
                stream.seek(max(0, self._offset - 1))
                self.turns += stream.read(size - stream.tell()).count(b"\n[")
            self._offset, self.grown_s = size, time.monotonic()
        return self.turns


async def generate(
    plan: Plan, options: LoadOptions, target: LoadTarget, directory: Path, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Run the generator to its end; what speaks against the run, in sentences.

    It is ended early where the target has died, for nothing can be learnt after that.
    """
    progress = Progress(path=plan.records)
    async with _process(plan, options, target, directory) as process:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), POLL_S)
            turns = progress.read()
            say(f"{turns:,} of {plan.requests:,} turns" if plan.requests else f"{turns:,} turns")
            if not target.alive():
                return ("the target died under load",)
            if process.returncode is not None:
                break
            if time.monotonic() - progress.grown_s > STILL_S_MAX:
                return (f"the generator recorded nothing for {STILL_S_MAX:g} s and was ended",)
    if process.returncode != 0:
        return (f"locust ended with {_ended(process.returncode)}: {_last_line(directory / 'locust.log')}",)
    return ()


@asynccontextmanager
async def _process(
    plan: Plan, options: LoadOptions, target: LoadTarget, directory: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start locust on the plan."""
    place = directory / "plan.json"
    plan.write(place)
    users = str(options.users)
    ends = [] if options.for_s is None else ["-t", f"{options.for_s:.0f}s"]
    command = ["-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "WARNING"]
    command += ["-u", users, "-r", users, "--host", target.base_url, "--plan", str(place), *ends]
    with (directory / "locust.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            # Not the user's folder: a locust.conf there would change what is run.
            cwd=directory,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await asyncio.shield(asyncio.ensure_future(_end(process)))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the group, if it is still there, and reap the process: what it had not written proves nothing anyway."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _environment() -> dict[str, str]:
    """This process's environment without locust's own variables, and its import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    path = dict.fromkeys(str(Path(entry).resolve()) for entry in ("", *sys.path))
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def _ended(code: int | None) -> str:
    """How a process ended."""
    assert code is not None
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_line(path: Path) -> str:
    """The last thing that it said."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"

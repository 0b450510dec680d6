"""The generators: locust's master and its workers, each in a process group of its own, and gone when the block ends."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.endings import to_its_end
from harness.errors import UsageError
from harness.load.plan import Plan
from harness.targets.ports import LOCAL, free_port

LOCUSTFILE = Path(__file__).with_name("master.py")
PARENT = "SHAKEOUT_PARENT"
"""The variable that names the process without which a process of locust has nothing to do."""

PAGE_BYTES = 4_096
"""With less room than that nothing can be written down, not even why a process ended."""

TELL_S = 1.0
"""So long a master has to tell its workers that it ends."""

WORKERS_S_MAX = 30
"""So long the master waits for its workers: locust takes seconds to be imported, and longer on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locust:
    """One process of locust, and the file with what it says."""

    name: str
    process: asyncio.subprocess.Process
    said: Path

    @property
    def wrong(self) -> str | None:
        """What to say of a process that did not end as it should; None of one that runs, or ended well."""
        code = self.process.returncode
        if not code:
            return None
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        lines = self.said.read_text(errors="replace").strip().splitlines()
        if not lines and shutil.disk_usage(self.said.parent).free < PAGE_BYTES:
            return f"{self.name} ended with {how}: {self.said.parent}: no space left on device"
        return f"{self.name} ended with {how}: {lines[-1].strip() if lines else 'it said nothing'}"


@asynccontextmanager
async def generators(
    plan: Plan, *, users: int, base_url: str, bind: str = ""
) -> AsyncIterator[Sequence[Locust]]:
    """Start the master on the plan, and its workers; the master comes first.

    With `bind`, HOST:PORT, the workers are started elsewhere, and it waits for them there. Users are all those of a run; of
    a plan with phases there is one in each worker.
    """
    directory = Path(plan.directory)
    (directory / "plan.json").write_text(plan.text())
    host, _, given = bind.rpartition(":")
    host, port = host or LOCAL, int(given or free_port())
    count = str(plan.workers if plan.phases else users)
    master = ["--master", "--master-bind-host", host, "--master-bind-port", str(port)]
    master += ["--headless", "--only-summary", "--expect-workers", str(plan.workers)]
    master += ["--expect-workers-max-wait", str(WORKERS_S_MAX)]
    master += ["-u", count, "-r", count, "--host", base_url, "--plan", str(directory / "plan.json")]
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(_locust("the master", master, directory))]
        for number in range(0 if bind else plan.workers):
            worker = ["--worker", "--master-host", LOCAL, "--master-port", str(port)]
            started.append(await stack.enter_async_context(_locust(f"generator {number}", worker, directory)))
        try:
            yield started
        finally:
            if bind and started[0].process.returncode is None:
                # Those that were started elsewhere are not ours to kill: their master tells them to begin no more.
                plan.stop.touch()
                await to_its_end(asyncio.sleep(TELL_S))


def check_place(bind: str) -> None:
    """Refuse a place, HOST:PORT, that no master can listen at; empty is any.

    Raises:
        UsageError: somebody else does already, or it is not of this machine.
    """
    if not bind:
        return
    host, _, port = bind.rpartition(":")
    try:
        host.encode("idna")  # a name that cannot be leaves create_server with a socket that nobody closes
        with socket.create_server((host, int(port))):
            pass
    except (OSError, ValueError, TypeError) as error:  # a name that is none of a host is each of these
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--bind {bind}: {reason}; choose another") from error


@asynccontextmanager
async def _locust(name: str, words: Sequence[str], directory: Path) -> AsyncIterator[Locust]:
    """One process."""
    said = directory / f"{name.replace(' ', '-')}.log"
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**_environment(), PARENT: str(os.getpid())},
            # Not the user's folder: a locust.conf there would change what is run.
            cwd=directory,
            start_new_session=True,
        )
    try:
        yield Locust(name=name, process=process, said=said)
    finally:
        await to_its_end(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the group, if it is still there, and reap the process: what it had not reported proves nothing anyway."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _environment() -> dict[str, str]:
    """This process's environment without locust's own variables, and its import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    path = dict.fromkeys(str(Path(entry).resolve()) for entry in ("", *sys.path))
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}

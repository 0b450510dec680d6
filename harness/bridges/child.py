"""Starting the process of a cell, waiting for what it says, and ending it with everything that it has started."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.endings import to_its_end

START_S_MAX = 60.0
"""Imports are no part of a cell's time; the slowest peer took 8 s of them."""
GRACE_S = 3.0
"""The process ends itself when it hangs; whoever waits gives it this much longer to write its stacks."""
TIMED_OUT = "Timeout ("
"""What the watch in the process begins its stacks with."""
ANSWER, SAID, STACKS = "answer.json", "said.log", "stacks.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a process: its answer, or how it ended without one. `code` is None where it had to be killed.

    `start_s_max` is how long it was given to be ready.
    """

    answer: Mapping[str, Any] | None
    ready: bool
    code: int | None
    said: str
    stacks: str
    start_s_max: float

    @property
    def hung(self) -> bool:
        """Whether it was ready, and was ended because it took too long."""
        return self.ready and (self.code is None or self.stacks.startswith(TIMED_OUT))

    @property
    def last_line(self) -> str:
        """The last thing that it wrote."""
        return (self.said.strip().splitlines() or ["it wrote nothing"])[-1]

    @property
    def ending(self) -> str:
        """How it came to be gone without an answer."""
        if not self.ready and self.code is None:
            return f"still importing after {self.start_s_max:g} s"
        return f"its process ended with {self.code}: {self.last_line}"


async def play(
    spec: str,
    arguments: Sequence[str] = (),
    *,
    limit_s: float = START_S_MAX,
    start_s_max: float = START_S_MAX,
    starting: asyncio.Semaphore | None = None,
) -> Played:
    """Run `harness.bridges.play` on an adapter; its process group and its folder are gone when this returns.

    Args:
        spec: the adapter, as MODULE:NAME.
        arguments: which cell; none asks the adapter to describe itself.
        limit_s: seconds that it may take once it is ready.
        start_s_max: seconds that it may take until it is.
        starting: held until it is ready.
    """
    with tempfile.TemporaryDirectory(prefix="shakeout-bridge-") as name:
        folder = Path(name)
        ready, code = False, None
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError):
                async with starting or contextlib.nullcontext(), asyncio.timeout(start_s_max):
                    process, line = await stack.enter_async_context(_started(spec, arguments, folder))
                    ready = await _first_byte(line)
                async with asyncio.timeout(limit_s + GRACE_S):
                    code = await process.wait()
        place = folder / ANSWER
        return Played(
            answer=json.loads(place.read_bytes()) if place.exists() else None,
            ready=ready,
            code=code,
            said=_text(folder / SAID),
            stacks=_text(folder / STACKS),
            start_s_max=start_s_max,
        )


@contextlib.asynccontextmanager
async def _started(
    spec: str, arguments: Sequence[str], folder: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Start the process, with the line on which it says that it is ready; its group is gone when the block ends."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "harness.bridges.play", spec, str(folder / ANSWER)]
    path = os.pathsep.join(dict.fromkeys([str(Path.cwd()), *filter(None, sys.path)]))
    try:
        try:
            with (folder / SAID).open("wb") as said:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    *("--ready", str(theirs), "--stacks", str(folder / STACKS), *arguments),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    env={**os.environ, "PYTHONPATH": path},
                    pass_fds=(theirs,),
                    start_new_session=True,
                )
        finally:
            os.close(theirs)
        try:
            yield process, ours
        finally:
            await to_its_end(_end(process))
    finally:
        os.close(ours)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group: also where the process itself has ended, for it may have started others."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _first_byte(line: int) -> bool:
    """Wait for the word that it is ready; False where the process ended before."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(line, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(line)
    return bool(os.read(line, 1))


def _text(place: Path) -> str:
    """What stands in a file, if it is there."""
    return place.read_text(errors="replace") if place.exists() else ""

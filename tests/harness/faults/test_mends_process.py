"""Each fault of the process mends, beside itself or another, whichever of the two ends first; the processes are real."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from felt_mending import ORDERS, made, pairs, played

from harness.history import FaultFired
from harness.rig import Rig
from harness.targets.driven import Recorder
from harness.targets.outages import Processes, Single
from harness.targets.real import RealClock
from harness.targets.started import Child

ENDING = ("process.kill", "process.terminate", "process.restart")
"""What is done to a process that one of these has ended is over with it."""


class Line:
    """A control line of a process that says nothing."""

    closed = False

    def close(self) -> None:
        """It has ended."""
        self.closed = True


class Target(Single):
    """A target whose process waits for input; all that were ever begun are kept in mind."""

    base_url = "http://127.0.0.1:9"  # where nobody listens: nobody new is answered

    def __init__(self) -> None:
        super().__init__(asyncio.Lock())
        self.began: list[Child] = []

    @property
    def child(self) -> Child:
        """The latest one."""
        return self.began[-1]

    @property
    def alive(self) -> list[int]:
        """The processes that are there."""
        return [one.process.pid for one in self.began if one.process.returncode is None]

    async def _begun(self) -> None:
        """Begin another."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe, start_new_session=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"started?\n")
        await process.stdout.readline()  # one that is still loading cannot do without descriptors
        line: Any = Line()
        self.began.append(Child(process=process, line=line, log=Path(), errors=Path()))

    async def _ended(self, *, kill: bool, grace_s: float) -> int | None:
        """End it."""
        await self.child.stop(kill=kill, grace_s=grace_s)
        return self.child.process.returncode


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """A target that was begun; nothing of it is left at the end."""
    made_one = Target()
    try:
        await made_one.begin()
        yield made_one
    finally:
        for one in made_one.began:
            await one.stop(kill=True)


def stopped(pid: int) -> bool:
    """Whether a process is held still (proc(5), stat)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def until_there(name: str, one: Target, limits: tuple[int, int]) -> None:
    """Wait until the only fault that is left is seen to be there."""
    if name in ("process.kill", "process.terminate"):
        assert not one.alive
    elif name == "process.fd_limit":
        assert resource.prlimit(one.child.process.pid, resource.RLIMIT_NOFILE) < limits
    elif name == "process.pause":
        while not stopped(one.child.process.pid):  # noqa: ASYNC110  # the system tells only the parent's waiter
            await asyncio.sleep(0.001)


async def overlap(faults: tuple[Any, Any], order: tuple[int, int]) -> None:
    """Enter both, and leave them in that order; the one that is left is there, and after both all is as before."""
    recorder, nobody = Recorder(), None
    seams: dict[str, Any] = {"provider": nobody, "network": nobody}
    async with asyncio.timeout(20), target() as one:
        limits = resource.prlimit(one.child.process.pid, resource.RLIMIT_NOFILE)
        rig = Rig(**seams, clock=RealClock(), process=Processes(one, recorder))
        held = [fault.inject(rig) for fault in faults]
        for entered in held:
            await entered.__aenter__()
        await held[order[0]].__aexit__(None, None, None)
        gone, left = (faults[number].name for number in order)
        if gone not in ENDING or left in ENDING:
            await until_there(left, one, limits)
        await held[order[1]].__aexit__(None, None, None)
        assert one.alive == [one.child.process.pid]
        assert not stopped(one.child.process.pid)
        assert resource.prlimit(one.child.process.pid, resource.RLIMIT_NOFILE) == limits
    fired = [record.fault for record in recorder.records if isinstance(record, FaultFired)]
    assert fired[0] == faults[0].name


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", played("process"))
async def test_two_overlap_and_mend_in_any_order(name: str, order: tuple[int, int]) -> None:
    """Whichever is left is still there; after both there is one process, which runs and may open as much as before."""
    for first, second in pairs(name, "process"):
        await overlap((made(first), made(second)), order)

"""Each fault of the process's plane does to the process what its name says, in its window, and mends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import ProcessFdLimit, ProcessKill, ProcessPause, ProcessRestart, ProcessTerminate
from harness.rig import Rig, Window
from harness.scenario import Scenario, Turn


class Process:
    """A process seam that does nothing, and notes what it is asked to do."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @asynccontextmanager
    async def _noted(self, what: str) -> AsyncIterator[None]:
        self.notes.append(what)
        yield
        self.notes.append("mended")

    def down(self, fault: str, *, kill: bool, grace_s: float = 10.0, mends: bool = False) -> Any:
        to = " to mend it" if mends else ""
        return self._noted(f"{fault} down kill={kill} grace_s={grace_s:g}{to}")

    async def stillborn(self, fault: str, *, grace_s: float) -> None:
        self.notes.append(f"{fault} stillborn grace_s={grace_s:g}")

    def paused(self, fault: str) -> Any:
        return self._noted(f"{fault} paused")

    def starved(self, fault: str, descriptors: int) -> Any:
        return self._noted(f"{fault} starved {descriptors}")


class Clock:
    """A clock on which the time that is slept is noted."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self._notes.append(f"slept {seconds:g}")


def rig(process: Process | None) -> Rig:
    nobody: Any = None
    return Rig(
        provider=nobody, network=nobody, clock=Clock(process.notes if process else []), process=process
    )


@pytest.mark.parametrize(
    ("fault", "within", "after"),
    [
        (
            ProcessKill(point="between_turns", down_s=0.5),
            ["process.kill down kill=True grace_s=10"],
            ["slept 0.5", "mended"],
        ),
        (
            ProcessTerminate(grace_s=3.0, point="between_turns", down_s=0.5),
            ["process.terminate down kill=False grace_s=3"],
            ["slept 0.5", "mended"],
        ),
        (
            ProcessTerminate(grace_s=3.0, point="in_startup", down_s=0.5),
            [
                "process.terminate down kill=False grace_s=3 to mend it",
                "process.terminate stillborn grace_s=3",
            ],
            ["slept 0.5", "mended"],
        ),
        (ProcessPause(), ["process.pause paused"], ["mended"]),
        (ProcessFdLimit(descriptors=2), ["process.fd_limit starved 2"], ["mended"]),
        (
            ProcessRestart(down_s=0.5),
            ["process.restart down kill=False grace_s=10", "slept 0.5", "mended"],
            [],
        ),
    ],
)
async def test_a_fault_does_what_its_name_says(fault: Any, within: list[str], after: list[str]) -> None:
    """What it asks of the process within its block, and that all of it is mended behind it."""
    process = Process()
    async with fault.inject(rig(process)):
        assert process.notes == within
    assert process.notes == within + after


KINDS = [ProcessKill, ProcessTerminate, ProcessPause, ProcessFdLimit, ProcessRestart]


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_process_it_is_refused(kind: Any) -> None:
    """In a run that has none it is told where there is one, and a simulated scenario does not even take it."""

    async def injected() -> None:
        async with kind().inject(rig(None)):
            pass

    with pytest.raises(UsageError, match="play it live"):
        await injected()
    with pytest.raises(UsageError, match=f"{kind.name} cannot be played simulated"):
        Scenario(steps=(Turn(),), faults=(kind(),), stages=("simulated",))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("knobs", [{"first_n": 1}, {"every_k": 2}, {"p": 0.5}, {"level": "structured"}])
def test_a_process_knows_no_calls(kind: Any, knobs: dict[str, Any]) -> None:
    """A window that counts calls is refused, one of steps and seconds is not."""
    kind(window=Window(from_step=1, until_step=2, at_s=0.1, for_s=0.2))
    with pytest.raises(UsageError, match="it takes all or nothing"):
        kind(window=Window(**knobs))

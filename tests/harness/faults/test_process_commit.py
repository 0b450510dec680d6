"""A process is killed while it commits: the commit is held in there, and the next process commits as ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, store_bench

from harness.faults import ProcessKill
from harness.faults.process_commit import LOOK_S, HeldCommit
from harness.registry import needs_of
from harness.rig import Rig
from harness.simulation.run import Simulation
from harness.targets.real import RealClock


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def test_the_first_commit_is_held_with_nothing_of_it_stored(bench: StoreBench) -> None:
    """One commit stands still and tells so, a later one passes, and when the fault is over all of it is there."""
    first, second = bench.connect(), bench.connect()

    def write(connection: Any, text: str) -> None:
        with connection:
            connection.execute("INSERT INTO t VALUES (?)", (text,))

    with ThreadPoolExecutor(1) as pool:
        with HeldCommit().within(bench):  # type: ignore[arg-type]  # a stand-in for the inside of a process
            held = pool.submit(write, first, "two")
            while not bench.noted:
                assert not held.done()
            assert bench.stored() == ["one"]
        held.result(timeout=20)
    write(second, "three")
    assert bench.stored() == ["one", "three", "two"]
    assert bench.noted == ["commit (COMMIT): held, so that the process is killed in it"]


class Stand:
    """The inside of a process, which has a commit to hold at a time, and the process; both note what is done to them."""

    def __init__(self, commits_s: float) -> None:
        self.notes: list[str] = []
        self.commits_s = commits_s

    @asynccontextmanager
    async def entered(self, fault: str, entering: HeldCommit) -> AsyncIterator[None]:
        """Let it in, and out."""
        self.note(f"{fault} in")
        yield
        self.note(f"{fault} out")

    async def has_fired(self, fault: str) -> bool:
        """Whether the commit has come."""
        return self._now_s() >= self.commits_s

    @asynccontextmanager
    async def down(self, fault: str, *, kill: bool) -> AsyncIterator[None]:
        """End it, and begin it again."""
        self.note(f"{fault} kills")
        yield
        self.note("begun")

    def note(self, what: str) -> None:
        """Note it, with the time."""
        self.notes.append(f"{self._now_s():.2f} {what}")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self.began_s

    def play(self, lasts_s: float, fault: ProcessKill) -> list[str]:
        """What is noted where the window lasts so long."""

        async def main() -> None:
            self.began_s = asyncio.get_running_loop().time()
            seams: Any = {
                "provider": None,
                "network": None,
                "clock": RealClock(),
                "process": self,
                "inside": self,
            }
            armed: AbstractAsyncContextManager[None] = fault.inject(Rig(**seams))
            async with armed:
                await asyncio.sleep(lasts_s)
                self.note("step over")

        Simulation().run(main).result()
        return self.notes


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation asks for it; nothing here depends on the order of a set."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")


def test_it_is_killed_in_the_commit_and_the_next_one_is_not_held() -> None:
    """The hold is let out while the process is away: the one that begins then commits as ever."""
    kill = ProcessKill(point="in_commit", down_s=0.5)
    assert Stand(commits_s=1.0).play(3.0, kill) == [
        "0.00 process.kill in",
        f"{1.0 + LOOK_S:.2f} process.kill kills",
        f"{1.0 + LOOK_S:.2f} process.kill out",
        f"{1.5 + LOOK_S:.2f} begun",
        "3.00 step over",
    ]


@pytest.mark.parametrize(("commits_s", "struck"), [(9.0, False), (1.0, True)])
def test_what_is_held_is_let_out_when_the_window_ends(commits_s: float, struck: bool) -> None:
    """Where no commit comes nothing is killed; a process that is away then is begun at once; nothing is left within."""
    notes = Stand(commits_s).play(1.0 + 3 * LOOK_S, ProcessKill(point="in_commit", down_s=60.0))
    assert [note.split()[1:] for note in notes if "over" not in note] == [
        ["process.kill", "in"],
        *(
            [["process.kill", "kills"], ["process.kill", "out"], ["begun"]]
            if struck
            else [["process.kill", "out"]]
        ),
    ]


def test_only_who_holds_the_store_can_be_killed_in_a_commit() -> None:
    """A command, or a service without SQLite, has no such point; SIGTERM has none at all: it lets a commit end."""
    assert needs_of(ProcessKill(point="in_commit")) >= {"process", "store", "inside"}
    assert not needs_of(ProcessKill(point="between_turns")) & {"store", "inside"}

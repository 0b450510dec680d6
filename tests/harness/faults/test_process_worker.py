"""A worker of the target's own ends, the service is asked whether it is ready, and the process is begun anew."""

import asyncio
import gc
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from loop_bench import answering, running

from harness.errors import InvalidRun, UsageError
from harness.faults import process_worker
from harness.faults.process_worker import FLIPS_S, ProcessWorkerDead, readiness_tells
from harness.history import Outage
from harness.rig import Incoming, Outgoing, Rig
from harness.within.threads import ending

NAME = "the-worker"


@contextmanager
def inside() -> Iterator[Any]:
    """The inside of a process that does nothing by itself, with a way to end its threads."""
    with running(answering(lambda: asyncio.sleep(0))) as bench:
        made: Any = bench
        made.worker, made.ending = "", ending
        yield made


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator["queue.SimpleQueue[Any]"]:
    """The queue of a thread that does whatever it is given, and goes on after each `Exception`."""
    given: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                if (job := given.get()) is None:
                    return
                job()
            except Exception:  # noqa: BLE001  # as workers do that are to live on
                continue

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    thread = threading.Thread(target=work, name=NAME, daemon=True)
    thread.start()
    yield given
    given.put(None)
    thread.join(20)
    assert not thread.is_alive()


def test_a_thread_ends_with_the_next_thing_that_it_does(jobs: "queue.SimpleQueue[Any]") -> None:
    """It ends though it goes on after every `Exception`, its job is lost, and then the fault has fired."""
    done = threading.Event()
    with inside() as bench:
        with ProcessWorkerDead(worker=NAME).within(bench):
            jobs.put(done.set)
        assert bench.noted == [f"{NAME} has ended"]
    assert not done.is_set()


def test_a_thread_that_had_nothing_to_do_is_let_off(
    jobs: "queue.SimpleQueue[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has fired, the run proves nothing, and what the thread is given later it does."""
    monkeypatch.setattr(process_worker, "DIES_S_MAX", 0.0)
    done = threading.Event()
    with inside() as bench:
        with (
            pytest.raises(InvalidRun, match="had nothing to do"),
            ProcessWorkerDead(worker=NAME).within(bench),
        ):
            pass
        assert bench.noted == []
    jobs.put(done.set)
    assert done.wait(20)


async def begun(work: Callable[[], Any]) -> "asyncio.Task[Any]":
    """A task of the worker's name that has come to its first wait."""
    task = asyncio.get_running_loop().create_task(work(), name=NAME)
    await asyncio.sleep(0)
    return task


async def is_done(task: "asyncio.Task[Any]") -> bool:
    """Whether a task has ended, or does so as soon as it has its turn."""
    await asyncio.wait({task}, timeout=20)
    return task.done()


async def stubborn() -> None:
    """A task that goes on after each `Exception`, and waits for another task."""
    while True:
        try:
            await asyncio.ensure_future(asyncio.sleep(3600))
        except Exception:  # noqa: BLE001  # as workers do that are to live on
            continue


@pytest.mark.parametrize("work", [stubborn, asyncio.Event().wait, lambda: asyncio.sleep(3600)])
def test_a_task_ends_where_it_waits(work: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it waits for, it has ended with an exception, and that nobody asked for that is no complaint."""
    with inside() as bench:
        bench.worker = NAME
        task = bench.run(begun(work))
        with ProcessWorkerDead().within(bench):
            assert bench.run(is_done(task))
        assert bench.noted == [f"{NAME} has ended"]
        del task
        gc.collect()
    assert caplog.text == ""


def test_a_task_that_is_about_to_go_on_ends_at_its_next_wait() -> None:
    """One that waits for nothing just now is met as soon as it does."""
    free = threading.Event()

    async def busy() -> None:
        while not free.is_set():  # noqa: ASYNC110  # what it waits for is to be no future
            await asyncio.sleep(0)
        await asyncio.sleep(3600)

    with inside() as bench:
        task = bench.run(begun(busy))
        with ProcessWorkerDead(worker=NAME).within(bench):
            assert not task.done()
            free.set()
            assert bench.run(is_done(task))


def test_a_worker_that_is_not_there_is_the_profiles_mistake() -> None:
    """The message names it, and the key to mend."""
    with inside() as bench, pytest.raises(UsageError, match=r"called 'nobody'; mend worker of the profile"):
        ProcessWorkerDead(worker="nobody").within(bench).__enter__()


class Seams:
    """The seams of a run, which note what is asked of them; a turn is answered as the test wants."""

    def __init__(self, status: int | None) -> None:
        self.notes: list[str] = []
        self.status = status
        self.rule: Any = None

    @asynccontextmanager
    async def _noted(self, what: str) -> AsyncIterator[None]:
        self.notes.append(what)
        yield
        self.notes.append(f"end of {what}")

    def entered(self, fault: str, entering: Any) -> Any:
        return self._noted(f"inside {entering.worker}")

    def wrapped(self, fault: str, rule: Any, window: Any) -> Any:
        self.rule = rule
        return self._noted("clients")

    def down(self, fault: str, *, kill: bool, grace_s: float = 10.0, mends: bool = False) -> Any:
        return self._noted(f"down kill={kill} mends={mends}")

    async def sleep(self, seconds: float) -> None:
        self.notes.append(f"slept {seconds:g}")

    async def send(self, outgoing: Outgoing) -> Incoming:
        return Incoming(status=self.status)

    async def beside(self, outgoing: Outgoing, *, expected: tuple[int, ...]) -> Incoming:
        self.notes.append(f"{outgoing.method} {outgoing.path} {outgoing.headers} {[*map(int, expected)]}")
        return Incoming(status=503)

    def rig(self, **without: None) -> Rig:
        """The rig that they are."""
        me: Any = self
        nobody: Any = None
        seams = {"inside": me, "process": me, "client": me, **without}
        return Rig(provider=nobody, network=nobody, clock=me, **seams)


TURN = Outgoing(method="POST", path="/turn", headers={"x-request-id": "1", "accept": "x"}, body=b"{}")


@pytest.mark.parametrize("error", [None, KeyError])
async def test_the_process_is_begun_anew_however_the_window_ends(error: type[Exception] | None) -> None:
    """The worker is let go first; then the process ends by SIGTERM, which is no firing, and is there again."""
    seams = Seams(200)
    entered = ProcessWorkerDead(worker=NAME).inject(seams.rig())
    await entered.__aenter__()
    assert seams.notes == [f"inside {NAME}", "clients"]
    await entered.__aexit__(error, error and error(), None)
    assert seams.notes[-2:] == ["down kill=False mends=True", "end of down kill=False mends=True"]


@pytest.mark.parametrize(
    ("status", "ready", "asks"),
    [(503, "/ready", True), (None, "/ready", True), (200, "/ready", False), (503, "", False)],
)
async def test_after_a_turn_that_was_not_held_the_service_is_asked(
    status: int | None, ready: str, asks: bool
) -> None:
    """A moment later it is asked whether it is ready, under an id of its own; after a held turn it is not."""
    seams: Any = Seams(status)
    async with ProcessWorkerDead(worker=NAME, ready=ready).inject(seams.rig()):
        del seams.notes[:]
        assert (await seams.rule(TURN, seams)).status == status
        asked = [f"slept {FLIPS_S:g}", "GET /ready {'x-request-id': '1'} [200, 503]"]
        assert seams.notes == (asked if asks else [])


@pytest.mark.parametrize("without", ["inside", "process", "client"])
async def test_a_run_that_lacks_a_seam_is_refused(without: str) -> None:
    """The message says what to do."""
    with pytest.raises(UsageError, match=r"process\.worker_dead"):
        async with ProcessWorkerDead(worker=NAME).inject(Seams(200).rig(**{without: None})):
            pass


@pytest.mark.parametrize(
    ("ready", "turn", "outage_s", "is_wrong"),
    [
        (200, 503, 9.0, True),
        (503, 503, 9.0, False),
        (200, 200, 9.0, False),
        (200, 409, 9.0, False),
        (200, 503, 2.5, False),
    ],
)
def test_who_says_that_it_is_ready_holds_the_next_turn(
    made: Any, ready: int, turn: int, outage_s: float, is_wrong: bool
) -> None:
    """A turn after the answer counts, one after the process was begun anew does not."""
    said = made.turn(1, role="beside", path="/ready", method="GET", status=ready)
    outage = Outage(at_s=outage_s, ended_s=outage_s + 0.1, fault="process.worker_dead", how="terminated")
    contract = replace(made.header().contract, ready_path="/ready")
    history = made.history(said, made.turn(3, status=turn), outage, contract=contract)
    assert bool(list(readiness_tells(history))) is is_wrong


def test_a_turn_after_the_next_one_says_nothing_of_what_was_told(made: Any) -> None:
    """Who was ready held the next turn; what became of a later one is another matter, in whatever order they are told."""
    said = made.turn(1, role="beside", path="/ready", method="GET", status=200)
    contract = replace(made.header().contract, ready_path="/ready")
    history = made.history(said, made.turn(5, status=503), made.turn(3, status=200), contract=contract)
    assert list(readiness_tells(history)) == []

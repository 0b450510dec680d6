"""A worker of the target's own ends, and the rest of the process goes on without it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, ClassVar

from harness.errors import InvalidRun, UsageError
from harness.faults.client_base import clients
from harness.faults.loop_base import LOOP_S_MAX, InsideFault, on_loop
from harness.history import WIRE, Exchange, History, Outage
from harness.inside import Inside
from harness.registry import Invariant, fault, oracle
from harness.rig import Client, Incoming, Outgoing, ProcessSeam, Rig
from harness.verdict import Finding

REQUEST_ID = "x-request-id"
FLIPS_S = 0.5
"""So long after a turn that was not held its readiness must tell of it: few services look before each answer."""

DIES_S_MAX = 1.0
"""A thread that has been given something to do has ended within this."""


class WorkerEnded(BaseException):
    """What ends a task. It is no `Exception`: a task that goes on after each of those ends all the same."""


@oracle("process.worker_dead.readiness_tells", witnesses={WIRE}, promises=("ready_path",))
def readiness_tells(history: History) -> Iterable[Finding]:
    """Who says that it is ready, after a turn that it did not hold, holds the next one."""
    ready_path, mended_s = history.header.contract.ready_path, _mended_s(history)
    for said in history.exchanges:
        if said.role != "beside" or said.path != ready_path or said.status != HTTPStatus.OK:
            continue
        later = [turn for turn in history.turns if said.ended_s <= turn.at_s < mended_s]
        turn = min(later, key=lambda turn: turn.at_s, default=None)
        if turn is not None and not _held(turn):
            yield Finding(message="ready, and the next turn was not held", evidence=f"{said}; {turn}")


def _held(turn: Exchange) -> bool:
    """Whether the service did its part."""
    return turn.status is not None and turn.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _mended_s(history: History) -> float:
    """When it was started again."""
    return min((outage.at_s for outage in history.of(Outage)), default=float("inf"))


@fault("process.worker_dead", needs=("inside", "worker"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessWorkerDead(InsideFault):
    """The thread or task `worker` of the app ends with an exception, and the app lives on without it (vllm#39863).

    Turns are refused, or a worker that took its place serves them; none waits for the one that is gone. Half a second
    after a turn that was not held, `ready` is asked, where it is given, and must not say 200 as long as that goes on.
    Where they are empty, a sweep takes both from the profile. A thread ends at the next thing that it does, so it has
    to be one that the turns of the window keep busy. At the end the process is started anew, as an operator would:
    a service need not replace what it has lost.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (readiness_tells,)
    by_clients: ClassVar[bool] = True

    worker: str = ""
    ready: str = ""

    @asynccontextmanager
    async def inject(self, rig: Rig) -> AsyncIterator[None]:
        """End the worker; start the process anew when the block ends.

        Raises:
            UsageError: the run has no way into the process, or cannot start it again.
        """
        if rig.inside is None or rig.process is None:
            raise UsageError(f"{self.name} ends a part of the target's process; name its app in the profile")

        async def asked(outgoing: Outgoing, client: Client) -> Incoming:
            incoming = await client.send(outgoing)
            if self.ready and (
                incoming.status is None or incoming.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            ):
                await rig.clock.sleep(FLIPS_S)
                headers = {REQUEST_ID: outgoing.headers[REQUEST_ID]}
                asking = replace(outgoing, method="GET", path=self.ready, headers=headers, body=b"")
                await client.beside(asking, expected=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
            return incoming

        rule = clients(rig, self.name).wrapped(self.name, asked, self.window)
        async with _anew(rig.process, self.name), rig.inside.entered(self.name, self), rule:
            yield

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """End the worker.

        Raises:
            UsageError: the app has no such thread and no such task.
            InvalidRun: it had nothing to do, and so still lives.
        """
        name = self.worker or inside.worker
        worker = _found(inside, name)
        if isinstance(worker, threading.Thread):
            with inside.ending(worker):
                yield
                worker.join(DIES_S_MAX)
            ended = not worker.is_alive()
        else:
            # Its error is the fault's own: that nobody has asked for it is not held against the app.
            worker.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            on_loop(inside, lambda: _end(worker)).result(LOOP_S_MAX)
            yield
            ended = worker.done()
        if not ended:
            raise InvalidRun(f"{name} had nothing to do, and so did not end; name a worker that turns need")
        inside.fired(f"{name} has ended")


def _found(inside: Inside, name: str) -> "threading.Thread | asyncio.Task[Any]":
    """The thread or the task of that name.

    Raises:
        UsageError: there is none.
    """
    threads = [thread for thread in threading.enumerate() if thread.name == name and thread.is_alive()]
    tasks = [task for task in asyncio.all_tasks(inside.loop) if task.get_name() == name]
    found: list[threading.Thread | asyncio.Task[Any]] = [*threads, *tasks]
    if not found:
        raise UsageError(
            f"the app has no thread and no task called {name!r}; mend worker of the profile, or of the fault"
        )
    return found[0]


def _end(task: "asyncio.Task[Any]") -> None:
    """Raise in a task where it waits."""
    waits_for: Any = task
    while isinstance(waits_for, asyncio.Task):
        waits_for = waits_for._fut_waiter  # type: ignore[attr-defined]  # what a task waits for has no public name
    if waits_for is not None and not waits_for.done():
        waits_for.set_exception(WorkerEnded())
    elif not task.done():
        task.get_loop().call_soon(_end, task)  # it is about to go on: let it come to its next wait


@asynccontextmanager
async def _anew(process: ProcessSeam, name: str) -> AsyncIterator[None]:
    """Start the process anew at the end of the block."""
    try:
        yield
    finally:
        async with process.down(name, kill=False, mends=True):
            pass

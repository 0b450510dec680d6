"""The bridge under any interleaving of calls from several threads: a state machine of calls in flight."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from bridge_hosted import KINDS, Thread
from bridge_operations import Cancelled, CancelledJustInTime, Operation, Plain
from coroutines import HANG_S
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reference_app.bridge import Bridge

ACTORS = 3
LOOP_DESCRIPTORS = 3
WORKERS_MAX = 2 * ACTORS
"""An actor's call may use one worker thread, and the one that was cancelled before it may not have ended yet."""
actors = st.integers(0, ACTORS - 1)


def descriptors() -> int:
    """The descriptors that this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def eventually(condition: Callable[[], Any]) -> bool:
    """True once it holds. Nothing tells of a thread that has ended, or of a descriptor that is closed."""
    end = time.monotonic() + HANG_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class Actor:
    """A thread that plays operations one after the other."""

    def __init__(self) -> None:
        self.operations: SimpleQueue[Operation | None] = SimpleQueue()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self) -> None:
        while (operation := self.operations.get()) is not None:
            operation()

    def end(self) -> None:
        self.operations.put(None)
        self.thread.join(HANG_S)


@contextlib.contextmanager
def host_loop(bridge: Bridge) -> Iterator[None]:
    """A loop that runs in a thread of its own, adopted by the bridge."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def adopt() -> None:
        bridge.adopt()

    asyncio.run_coroutine_threadsafe(adopt(), loop).result(HANG_S)
    yield
    loop.call_soon_threadsafe(loop.stop)
    thread.join(HANG_S)
    loop.close()


class Interleaving(RuleBasedStateMachine):
    """Operations are sent to threads without waiting for those before; at a quiet point all of them are judged."""

    def __init__(self, log: Any) -> None:
        super().__init__()
        self.log = log
        self.threads = set(threading.enumerate())
        self.descriptors = descriptors()
        self.actors = [Actor() for _ in range(ACTORS)]
        self.around = contextlib.ExitStack()

    @initialize(hosted=st.booleans())
    def open(self, hosted: bool) -> None:
        """A bridge; where it is hosted, it has adopted a loop, on which the actors' calls run."""
        self.hosted = hosted
        self.bridge = Bridge(log=self.log)
        self.closed = False
        self.in_flight: list[Operation] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        if hosted:
            self.around.enter_context(host_loop(self.bridge))

    @rule(
        several=st.lists(st.tuples(actors, st.sampled_from(KINDS), st.integers(0, 2)), min_size=1, max_size=6)
    )
    def send(self, several: list[tuple[int, type[Operation], int]]) -> None:
        for actor, kind, suspensions in several:
            self.send_to(self.actors[actor], kind(self.bridge, suspensions, self.loops))

    @rule(
        actor=actors,
        kind=st.sampled_from([Cancelled, CancelledJustInTime]),
        when=st.sampled_from(["before", "at once", "under way"]),
        suspensions=st.integers(0, 2),
    )
    def send_and_cancel(self, actor: int, kind: type[Cancelled], when: str, suspensions: int) -> None:
        operation = kind(self.bridge, suspensions, self.loops)
        if when == "before":
            operation.cancelled_first = True
            operation.token.cancel()
        self.send_to(self.actors[actor], operation)
        if when == "under way":
            assert operation.under_way.wait(HANG_S), operation
        operation.token.cancel()

    def send_to(self, actor: Actor, operation: Operation) -> None:
        operation.sent_to_closed = self.closed
        self.in_flight.append(operation)
        actor.operations.put(operation)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        for operation in self.in_flight:
            operation.closed_meanwhile = True
        self.closed = True
        self.bridge.close()

    @rule()
    def be_quiet(self) -> None:
        """Every operation has come to what it may, once; nothing of it is left, and the bridge has one loop at most."""
        for operation in self.in_flight:
            assert operation.done.wait(HANG_S), operation
        assert eventually(lambda: all(operation.is_at_rest for operation in self.in_flight)), self.in_flight
        for operation in self.in_flight:
            operation.judge()
        self.in_flight.clear()
        assert eventually(lambda: not any(asyncio.all_tasks(loop) for loop in self.loops))
        self.loops.clear()
        own = 0 if self.closed else LOOP_DESCRIPTORS
        assert eventually(lambda: descriptors() <= self.descriptors + own + LOOP_DESCRIPTORS * self.hosted)
        allowed = 0 if self.closed else 1 + WORKERS_MAX
        assert eventually(lambda: len(self.bridge_threads()) <= allowed), self.bridge_threads()

    def bridge_threads(self) -> list[threading.Thread]:
        """The threads that the bridge has: what an earlier test left to begin one is not asked for."""
        new = (thread for thread in threading.enumerate() if thread not in self.threads)
        return [thread for thread in new if thread.name.startswith("bridge-")]

    @precondition(lambda self: self.closed)
    @rule(hosted=st.booleans())
    def open_another(self, hosted: bool) -> None:
        self.be_quiet()
        self.around.close()
        self.open(hosted)

    def teardown(self) -> None:
        if not self.closed:
            self.close()
        self.be_quiet()
        self.send([(0, Plain, 0)])
        self.be_quiet()
        self.around.close()
        for actor in self.actors:
            actor.end()
        assert eventually(lambda: descriptors() <= self.descriptors)
        assert eventually(lambda: set(threading.enumerate()) <= self.threads)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_any_interleaving_of_calls(recorder: Any) -> None:
    """Each call of several threads comes to its own outcome once, and at each quiet point nothing is left of it."""
    first = Bridge(log=recorder)  # what only a process's first use brings is no growth
    Thread(first, 0, set())()
    first.close()
    eventually(lambda: not any(thread.name.startswith("bridge") for thread in threading.enumerate()))
    run_state_machine_as_test(
        lambda: Interleaving(recorder),
        settings=settings(
            max_examples=120,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],  # what depends on threads hardly shrinks
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

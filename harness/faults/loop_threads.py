"""Threads of the target's process that are busy, taken, or collect garbage beside its event loop."""

import asyncio
import functools
import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from anyio.to_thread import current_default_thread_limiter

from harness.faults.loop_base import LOOP_S_MAX, InsideFault, on_loop
from harness.faults.loop_reports import nothing_reported, report
from harness.inside import App, Inside, Message, Receive, Send
from harness.registry import Invariant, fault
from harness.window import check

SLICE = range(10_000)
FOLLOWED_S_MAX = 0.05
"""So long a loop has to take note of its tasks before garbage is collected; one that stands still is not waited for."""

LOOK_S = 0.005
"""So often it is seen whether anybody waits for what a fault has taken."""


@contextmanager
def _beside(name: str, work: Callable[[], None], *, ends: Callable[[], None]) -> Iterator[None]:
    """Let a thread work, until it is told to end."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends()
        thread.join()


@fault(
    "loop.gil_burn", stages=("live",), because="in virtual time nothing computes for long", needs=("inside",)
)
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopGilBurn(InsideFault):
    """Threads compute in pure Python for `for_s` seconds, so that the loop has to ask for the interpreter each time.

    Each thread that computed is a firing. In a simulated run computing takes no time.
    """

    for_s: float = 1.0
    threads: int = 2

    def __post_init__(self) -> None:
        check("for_s", self.for_s, 0.001, 3600)
        check("threads", self.threads, 1, 64)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Burn; what still burns when this ends has stopped."""
        over, matching = threading.Event(), inside.matching(self.window)
        with ExitStack() as stack:
            for number in range(self.threads):
                if matching.lets_through():
                    burning = _beside(f"gil-burn-{number}", lambda: self._burn(inside, over), ends=over.set)
                    stack.enter_context(burning)
            yield

    def _burn(self, inside: Inside, over: threading.Event) -> None:
        """Compute."""
        until = time.monotonic() + self.for_s
        sum(SLICE)
        inside.fired(f"computing for {self.for_s:g} s")
        while not over.is_set() and time.monotonic() < until:
            sum(SLICE)


@fault(
    "loop.limiter_full",
    stages=("live",),
    because="in virtual time a worker thread is never long in coming",
    needs=("inside", "worker_threads"),
    drill="crowd",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLimiterFull(InsideFault):
    """The worker threads of anyio are all taken: `def` routes wait, `async` ones must go on (fastapi#3205, dats#217).

    So many tokens of the loop's default limiter as are there, at most `tokens`, are taken when it is armed, and given
    back after `hold_s` seconds, or earlier with its end. It has fired once somebody waits for one: where nobody does,
    nothing was taken from anybody.
    """

    tokens: int = 40
    hold_s: float = 1.0

    def __post_init__(self) -> None:
        check("tokens", self.tokens, 1, 100_000)
        check("hold_s", self.hold_s, 0.001, 3600)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Take them, and give them back."""
        taken = on_loop(inside, lambda: _Taken(inside, self.tokens)).result(LOOP_S_MAX)
        on_loop(inside, lambda: taken.hold(self.hold_s)).result(LOOP_S_MAX)
        try:
            yield
        finally:
            if not inside.loop.is_closed():
                on_loop(inside, taken.give_back).result(LOOP_S_MAX)


class _Taken:
    """Tokens that were taken of the loop's limiter, each for nobody. All of it is done on that loop."""

    def __init__(self, inside: Inside, most: int) -> None:
        self._inside = inside
        self._limiter = current_default_thread_limiter()
        self._borrowers = [object() for _ in range(min(most, int(self._limiter.available_tokens)))]
        self._has_fired = False
        for borrower in self._borrowers:
            self._limiter.acquire_on_behalf_of_nowait(borrower)

    def hold(self, hold_s: float) -> None:
        """Look for somebody who waits, until the time is over."""
        self._look()
        if not self._borrowers:
            return
        if hold_s <= 0:
            self.give_back()
        else:
            self._inside.loop.call_later(min(LOOK_S, hold_s), self.hold, hold_s - LOOK_S)

    def give_back(self) -> None:
        """Give back the tokens that are still held."""
        self._look()
        while self._borrowers:
            self._limiter.release_on_behalf_of(self._borrowers.pop())

    def _look(self) -> None:
        """Note, once, that somebody waits for a token."""
        waiting = self._limiter.statistics().tasks_waiting
        if waiting and self._borrowers and not self._has_fired:
            self._has_fired = True
            taken = f"{len(self._borrowers)} of {self._limiter.total_tokens:g}"
            self._inside.fired(f"{taken} tokens taken, and {waiting} waiting")


@fault("loop.task_collected", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTaskCollected(InsideFault):
    """Garbage is collected while tasks run: one that nobody holds is gone (keep#6552, adk-python#3174, vllm#4567).

    It is collected when a request arrives, and every `gc_every_s` seconds. Each collection beside more tasks than the
    target's loop has when it has nothing to do is a firing. Of the tasks that were seen then each must end: not every
    one that is collected before says so itself, since `asyncio.gather` silences those that it was given.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (nothing_reported,)

    gc_every_s: float = 0.05

    def __post_init__(self) -> None:
        check("gc_every_s", self.gc_every_s, 0.001, 3600)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Collect, again and again."""
        wake, over = threading.Event(), threading.Event()

        async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
            wake.set()
            await app(scope, receive, send)

        def end() -> None:
            over.set()
            wake.set()

        with (
            _young(),
            _beside("task-collected", lambda: self._collect(inside, wake, over), ends=end),
            inside.around_requests(rule),
        ):
            yield

    def _collect(self, inside: Inside, wake: threading.Event, over: threading.Event) -> None:
        """Collect until it is over."""
        matching, idle = inside.matching(self.window), len(asyncio.all_tasks(inside.loop))
        seen = _SeenTasks(inside.loop)
        while not over.is_set():
            tasks = seen.look()
            idle = min(idle, tasks)
            if tasks > idle and matching.lets_through():
                seen.followed()
                gc.collect()
                inside.fired(f"collected beside {tasks} tasks")
            wake.wait(self.gc_every_s)
            wake.clear()
        for name in seen.lost():
            report(f"a task was collected before it ended: {name}")


class _SeenTasks:
    """The tasks of a loop that were seen, which keeps none of them: those that are gone must have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._open: dict[int, tuple[weakref.ref[asyncio.Task[Any]], str]] = {}
        self._numbers = itertools.count()

    def look(self) -> int:
        """See which there are now; how many."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks - set(self._known):
            self._known.add(task)
            number, name = next(self._numbers), getattr(task.get_coro(), "__qualname__", task.get_name())
            self._open[number] = (weakref.ref(task), name)
            self._loop.call_soon_threadsafe(self._follow, weakref.ref(task), number)
        return len(tasks)

    def followed(self) -> None:
        """Wait a moment, until the loop has taken note of those that were seen: nothing here keeps them then."""
        noted = threading.Event()
        self._loop.call_soon_threadsafe(noted.set)
        noted.wait(FOLLOWED_S_MAX)

    def lost(self) -> list[str]:
        """The names of those that are gone and have not ended."""
        return sorted(name for ref, name in list(self._open.values()) if ref() is None)

    def _follow(self, ref: "weakref.ref[asyncio.Task[Any]]", number: int) -> None:
        """Take note of its end; of one that is gone already nobody knows whether it had ended."""
        task = ref()
        if task is None:
            self._open.pop(number, None)
        else:
            task.add_done_callback(functools.partial(self._ended, number))

    def _ended(self, number: int, _task: object) -> None:
        self._open.pop(number, None)


@contextmanager
def _young() -> Iterator[None]:
    """Within the block only what is new is collected: what is there is no task of a request, and would hold the loop up."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

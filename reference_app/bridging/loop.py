"""A selector loop that can run a task's first step at once, and that knows whether it has work left."""

import asyncio
import weakref
from asyncio import Task
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import Context
from sys import get_asyncgen_hooks, set_asyncgen_hooks
from typing import Any, cast

from reference_app.bridging.calls import Call

set_running_loop = asyncio._set_running_loop  # exported by asyncio for those who implement loops


class BatonLoop(asyncio.SelectorEventLoop):
    """One loop that different threads drive in turn, none at the same time; `bridge` is whose it is.

    Its work is its tasks, and callbacks that it may not have run yet (`unrun`); sockets and timers without a task are
    none, or a pool of connections would keep it busy for ever.

    `step` works by public methods: a new task hands its first step to `call_soon`, which keeps it instead of
    scheduling it, and `is_running` says yes meanwhile. `asyncio._set_running_loop` is exported for those who
    implement loops. Where a task is made in some other way (`steps` is False) `step` only schedules it.
    """

    def __init__(self, *, bridge: object, steps: bool = True) -> None:
        self._held: Callable[..., object] | None = None
        self._context_to_hold: Context | None = None
        self._stepping = False
        self._abandoned = False
        self.unrun = False
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._hooks = (self._generators.add, self._end_generator)
        self.bridge = weakref.ref(bridge)
        self.work: set[asyncio.Task[Any]] = set()
        self.when_out_of_work: Callable[[], object] | None = None
        self.when_called_from_outside: Callable[[], object] | None = None
        super().__init__()
        self.steps = steps and self._probe()

    @property
    def quiet(self) -> bool:
        """Whether there is nothing that would have to be run, calls aside."""
        return not self.work and not self.unrun

    @property
    def steps_now(self) -> bool:
        """Whether a thread runs a first step; it looks for work afterwards."""
        return self._stepping

    def step(self, call: Call) -> bool:
        """Make the task of a call and run its first step, in a thread that runs no loop; whether that was all."""
        call.loop = self
        context = call.context
        # A context belongs to one call alone, so that nothing else is taken for its first step, a finalizer's work say.
        self._context_to_hold = context if self.steps else None
        # A given name saves making one up.
        call.task = task = Task(call.main(), loop=self, name="bridge", context=context)
        first_step = self._held
        if first_step is None:
            call.begins_later(task)
            return False
        self._held = None
        hooks = get_asyncgen_hooks()
        self._stepping = True
        set_running_loop(self)
        try:
            set_asyncgen_hooks(*self._hooks)
            context.run(first_step)
        finally:
            set_asyncgen_hooks(*hooks)
            set_running_loop(None)
            self._stepping = False
        return call.settled and not self.unrun and not self.work

    def drive(self) -> None:
        """Run until it is stopped. Where that was in the first turn, `unrun` is exact, else it may be too careful."""
        self.unrun = False
        self.run_forever()

    def abandon(self) -> None:
        """Never close this: after a fork its selector is the parent's too."""
        self._abandoned = True

    def call_soon(  # type: ignore[override]  # typed as asyncio had it before 3.12
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback, or hold a task's first step for `step`."""
        if context is not None and context is self._context_to_hold:
            self._context_to_hold = None
            self._held = callback
            return cast("asyncio.Handle", None)  # a task does not look at it
        self.unrun = True
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(  # type: ignore[override]  # typed as asyncio had it before 3.12
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback from any thread."""
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self.unrun = True
        if self.when_called_from_outside is not None:
            self.when_called_from_outside()
        return handle

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:  # type: ignore[override]  # the options differ between versions
        """Make a task, which is work until it has ended."""
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        self.work.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def is_running(self) -> bool:
        """Whether a thread drives the loop, be it for one step."""
        return self._stepping or super().is_running()

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that are left, those of first steps too."""
        await super().shutdown_asyncgens()
        closing = [generator.aclose() for generator in self._generators]
        await asyncio.gather(*closing, return_exceptions=True)

    def __del__(self) -> None:
        if not self._abandoned:
            super().__del__()

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self.work.discard(task)
        if not self.work and self.when_out_of_work is not None:
            self.when_out_of_work()

    def _end_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """A generator was collected half-way; in whatever thread, its clean-up belongs to this loop."""
        self._generators.discard(generator)
        if not self.is_closed():
            self.call_soon_threadsafe(self.create_task, generator.aclose())

    def _probe(self) -> bool:
        """Whether a new task hands over its first step, and ends by it, as `step` needs."""

        async def nothing() -> None:
            return

        self.steps = True
        call = Call(nothing, (), Context())
        running = running_loop()
        try:
            self.step(call)
        finally:
            set_running_loop(running)
            self._context_to_hold = None
        return call.settled


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, None where there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # says that there is none; nothing else runs inside this
        return None


def serves(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop runs what another thread posts to it: a bridge's does so at rest too."""
    return loop.is_running() or (isinstance(loop, BatonLoop) and not loop.is_closed())

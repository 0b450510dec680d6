"""How asyncio's own loops run in a simulation: their methods that touch the world are replaced on asyncio's classes.

So every loop that a thread of a run makes is simulated: by the policy, by `asyncio.run`, by `SelectorEventLoop()`, and
by any subclass of it, whenever its class statement ran. A loop of a foreign thread stays as it is.
"""

import asyncio
import heapq
import selectors
import weakref
from asyncio import base_events, selector_events, unix_events
from collections.abc import Callable, Coroutine
from types import BuiltinFunctionType
from typing import Any

from harness.simulation.endings import ThreadEnded
from harness.simulation.numbered import Task
from harness.simulation.schedule import RANGE_SHIFT
from harness.simulation.scheduler import ACTIVE, Scheduler, here
from harness.simulation.virtual_loop import Generators, VirtualSelector
from harness.simulation.waiting import refused

_REMEDY = "make the loop inside the run: build the app there"
_base: Any = base_events.BaseEventLoop
_selecting: Any = selector_events.BaseSelectorEventLoop
_unix: Any = unix_events.SelectorEventLoop
_Selector: Any = selectors.DefaultSelector
_run_once: Any = _base._run_once
_make_self_pipe: Any = _selecting._make_self_pipe
_close_self_pipe: Any = _selecting._close_self_pipe
_write_to_self: Any = _selecting._write_to_self
_call_exception_handler: Any = _base.call_exception_handler
_add_signal_handler: Any = _unix.add_signal_handler
_remove_signal_handler: Any = _unix.remove_signal_handler
_CANCELLED_MIN = 100
"""As in asyncio: with fewer timers than this, cancelled ones are left where they are."""


def default_selector() -> Any:
    """`selectors.DefaultSelector`: a virtual one for a thread of a run."""
    scheduler = here()
    return _Selector() if scheduler is None else VirtualSelector(scheduler)


def make_self_pipe(loop: Any) -> None:
    """No pipe: another thread wakes a simulated loop through its selector."""
    selector = loop._selector
    if type(selector) is not VirtualSelector:
        _make_self_pipe(loop)
        return
    selector.loop = weakref.ref(loop)
    selector.scheduler.loops.append(selector.loop)
    loop._asyncgens = Generators()
    loop._internal_fds += 1


def close_self_pipe(loop: Any) -> None:
    """There is none."""
    if type(loop._selector) is not VirtualSelector:
        _close_self_pipe(loop)
        return
    loop._internal_fds -= 1


def write_to_self(loop: Any) -> None:
    """What `call_soon_threadsafe` ends with: wake the loop, and let it go first if the schedule says so."""
    selector = loop._selector
    if type(selector) is not VirtualSelector:
        _write_to_self(loop)
        return
    if here() is not None:
        selector.wake()
        selector.scheduler.point()
    elif ACTIVE.scheduler is not None:
        raise refused(loop)


def add_signal_handler(loop: Any, number: int, callback: Callable[..., object], *args: Any) -> None:
    """Signals do not come in a simulation, so a handler is only kept."""
    if type(loop._selector) is not VirtualSelector:
        _add_signal_handler(loop, number, callback, *args)
        return
    loop._signal_handlers[number] = asyncio.Handle(callback, args, loop, None)


def call_exception_handler(loop: Any, context: dict[str, Any]) -> None:
    """Nobody is told of a task in which a run was ended: that is no error of the application."""
    if not isinstance(context.get("exception"), ThreadEnded):
        _call_exception_handler(loop, context)


def remove_signal_handler(loop: Any, number: int) -> bool:
    """Let go of a handler that was only kept."""
    if loop._selector is not None and type(loop._selector) is not VirtualSelector:
        return bool(_remove_signal_handler(loop, number))
    return loop._signal_handlers.pop(number, None) is not None


def run_once(loop: Any) -> None:
    """One round: wait where nothing is ready, then run as many handles as were ready, one at a time."""
    selector = loop._selector
    scheduler = ACTIVE.scheduler
    if type(selector) is not VirtualSelector or selector.scheduler is not scheduler:
        if here() is None:
            _run_once(loop)
            return
        assert scheduler is not None
        raise scheduler.escaped(f"{loop!r}, made outside of this run, is driven in it", _REMEDY)
    queue, raw = selector.queue, loop._ready
    _forget_cancelled(loop)
    timers = loop._scheduled
    if not raw and not queue.entries and not loop._stopping:
        when = timers[0]._when if timers else None
        if when is None or when > scheduler.now:
            selector.wait(when)
    due = scheduler.now + loop._clock_resolution
    while timers and timers[0]._when < due:
        timer = heapq.heappop(timers)
        timer._scheduled = False
        raw.append(timer)
    _sort(queue, raw)
    me = scheduler.current
    try:
        _round(scheduler, selector, raw)
    finally:
        me.actor = me


def _round(scheduler: Scheduler, selector: VirtualSelector, raw: Any) -> None:
    """Run handles, in an order that the schedule chooses; between two of them another thread may go."""
    queue = selector.queue
    schedule = scheduler.schedule
    entries, take, plain, trace = queue.entries, queue.take, schedule.plain, scheduler.trace
    me = scheduler.current
    if not entries:
        scheduler.point()  # whoever drives an idle loop round and round must not keep the others from running
    for _ in range(len(entries)):
        if raw:
            _sort(queue, raw)
        if not entries:
            break  # a callback drove the loop itself
        index = 0
        if queue.among > 1:
            if plain:
                schedule.note(queue.among << RANGE_SHIFT)
            else:
                index = schedule.choose(queue)
        lane, handle = take(index)
        if handle._cancelled:
            continue
        if lane.held:
            schedule.kept(lane)
        lane.steps += 1
        trace.append((scheduler.now, lane.name))
        me.actor = lane
        handle._run()
        scheduler.point()


def _sort(queue: Any, raw: Any) -> None:
    """Move what asyncio has put into line into the lanes: a task's step into its own, anything else to the callbacks."""
    add = queue.add
    while raw:
        handle = raw.popleft()
        if handle._cancelled:
            continue
        callback = handle._callback
        kind = type(callback)
        if kind is STEP or (kind is BuiltinFunctionType and callback.__name__ == "task_wakeup"):
            add(getattr(callback.__self__, "lane", None), handle)
        else:
            add(None, handle)


def _forget_cancelled(loop: Any) -> None:
    """Drop cancelled timers from the head, and all of them where they are more than half; as asyncio does."""
    timers = loop._scheduled
    if len(timers) > _CANCELLED_MIN and loop._timer_cancelled_count > len(timers) / 2:
        for timer in timers:
            timer._scheduled = not timer._cancelled
        loop._scheduled = [timer for timer in timers if timer._scheduled]
        heapq.heapify(loop._scheduled)
        loop._timer_cancelled_count = 0
    else:
        while timers and timers[0]._cancelled:
            loop._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False


def _step_type() -> type:
    """What a task of this version of CPython gives to `call_soon` for its first step."""

    class Probe:
        step: Any = None

        def call_soon(self, callback: Any, **_: Any) -> None:
            self.step = callback

        def get_debug(self) -> bool:
            return False

    async def nothing() -> None:
        return

    probe: Any = Probe()
    coroutine: Coroutine[Any, Any, None] = nothing()
    task = Task(coroutine, loop=probe)
    task._log_destroy_pending = False
    coroutine.close()
    return type(probe.step)


STEP = _step_type()

"""The portal: sync code on a running loop's own thread whose calls are awaited by the task that entered it.

The sync function runs in a greenlet. A call in it switches to the task's own greenlet, which awaits the
coroutine on the loop and switches back with the outcome: no thread, and the loop ticks meanwhile.
"""

import asyncio
import importlib
import math
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

from reference_app.calls import BridgeTimeout, Outcome, Scope

# greenlet ships no types, so it is held as Any, and what leaves this file has types again.
_greenlet: Any = importlib.import_module("greenlet")


def in_portal() -> bool:
    """True in the sync function of a portal; false in the coroutines that it calls, and elsewhere."""
    return getattr(_greenlet.getcurrent(), "is_portal", False) is True


async def enter(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Run a sync function in a portal of the running task: its value, or what it raised."""
    here = _greenlet.getcurrent()
    child = _greenlet.greenlet(function, here)
    child.is_portal = True
    child.gr_context = here.gr_context  # one context: the function sees and sets the task's own variables
    wanted = child.switch(*args)
    while not child.dead:
        with Outcome() as outcome:
            outcome.value = await wanted
        # The task may be driven from another greenlet by now; the child returns to where it is resumed from.
        child.parent = _greenlet.getcurrent()
        error = outcome.error
        if error is None:
            wanted = child.switch(outcome.value)
        else:
            wanted = child.throw(type(error), error, error.__traceback__)
        del outcome, error
    return wanted


def call_out(coroutine: Coroutine[Any, Any, Any], context: Context, scope: Scope) -> Any:
    """From inside a portal: have the task that entered it await `coroutine`, in `context`, within `scope`.

    Raises:
        BridgeTimeout: the scope's time was up; the coroutine was cancelled.
    """
    return _greenlet.getcurrent().parent.switch(_bounded(coroutine, context, scope))


async def _bounded(coroutine: Coroutine[Any, Any, Any], context: Context, scope: Scope) -> Any:
    limit = asyncio.timeout(None if scope.deadline == math.inf else scope.left_s())
    try:
        async with limit:
            return await _Stepped(coroutine, context)
    except TimeoutError:
        if not limit.expired():
            raise  # the coroutine's own
    raise BridgeTimeout("the call did not end in its time: give it more, or make the work shorter")


class _Stepped:
    """An awaitable that drives a coroutine in a context of its own, as a new task would, but in this task."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        self._coroutine = coroutine
        self._context = context

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        while True:
            try:
                waiting_for = self._context.run(step, given)
            except StopIteration as stop:
                return stop.value
            with Outcome() as outcome:
                outcome.value = yield waiting_for
            if isinstance(outcome.error, GeneratorExit):
                self._context.run(self._coroutine.close)
                raise outcome.error
            if outcome.error is None:
                step, given = self._coroutine.send, outcome.value
            else:
                step, given = self._coroutine.throw, outcome.error

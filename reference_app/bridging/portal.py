"""The portal: sync code on a running loop's own thread whose calls are awaited by the task that entered it.

The sync function runs in a greenlet. A call in it takes the coroutine's first step right there; where that suspends,
it switches to the task's own greenlet, which awaits the rest on the loop and switches back with the outcome: no
thread, and the loop ticks meanwhile.
"""

import asyncio
import contextlib
import importlib
import math
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

from reference_app.bridging.calls import Outcome
from reference_app.bridging.errors import BridgeCancelled, BridgeError, BridgeTimeout
from reference_app.bridging.scopes import CancelToken, Scope

# greenlet ships no types, so it is held as Any, and what leaves this file has types again.
_greenlet: Any = importlib.import_module("greenlet")
current_greenlet: Callable[[], Any] = _greenlet.getcurrent
"""The running greenlet. Its `portal_is_open` is true in the sync function of a portal, false in the coroutines that this
calls, and not there elsewhere."""


async def enter(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Run a sync function in a portal of the running task: its value, or what it raised."""
    here = current_greenlet()
    result = Outcome()  # a greenlet by itself takes GreenletExit for a value
    child = _greenlet.greenlet(result.of, here)
    child.portal_is_open = True
    child.gr_context = here.gr_context  # one context: the function sees and sets the task's own variables
    wanted = child.switch(function, *args)
    while not child.dead:
        with Outcome() as outcome:
            outcome.value = await wanted
        # The task may be driven from another greenlet by now; the child returns to where it is resumed from.
        child.parent = current_greenlet()
        # Shipped whole: a bare value would be held here for as long as the function runs on.
        wanted = child.switch(outcome)
    return result.take()


def call_out(
    portal: Any,
    coroutine: Coroutine[Any, Any, Any],
    context: Context,
    scope: Scope | None,
    token: CancelToken | None,
) -> Any:
    """From inside a portal: run a coroutine in `context`, its first step here, the rest in the task that entered.

    Raises:
        BridgeTimeout, BridgeCancelled: the scope's time was up, or the token was cancelled; so was the coroutine.
    """
    if token is not None and token.cancelled:
        coroutine.close()
        raise BridgeCancelled
    if scope is not None:
        scope.home = asyncio.get_running_loop()
        if not scope.left_s():
            coroutine.close()
            raise BridgeTimeout
    portal.portal_is_open = False
    try:
        waiting_for = context.run(coroutine.send, None)
    except StopIteration as stop:
        return stop.value
    finally:
        portal.portal_is_open = True
    rest = _Rest(coroutine, context, waiting_for)
    if scope is not None:
        return portal.parent.switch(_bounded(rest, scope, token or CancelToken())).take()
    return portal.parent.switch(rest).take()


class _Rest:
    """An awaitable that drives a begun coroutine in a context of its own, as a new task would, but in this task."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context, waiting_for: Any) -> None:
        self._coroutine = coroutine
        self._context = context
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, Any, Any]:
        run, send, throw = self._context.run, self._coroutine.send, self._coroutine.throw
        waiting_for, self._waiting_for = self._waiting_for, None
        while True:
            error: BaseException | None = None
            try:
                given = yield waiting_for
            except GeneratorExit:
                run(self._coroutine.close)
                raise
            except BaseException as thrown:  # noqa: BLE001  # it is the coroutine's, whatever it is
                error = thrown
            try:
                waiting_for = run(send, given) if error is None else run(throw, error)
            except StopIteration as stop:
                return stop.value
            finally:
                del error


async def _bounded(rest: _Rest, scope: Scope, token: CancelToken) -> Any:
    """Await the rest of a coroutine, at most until the deadline, or until the token is cancelled.

    It is ended as `asyncio.timeout` ends a body: where it refuses to end, it is waited for.
    """
    limit = asyncio.timeout(None if scope.deadline == math.inf else scope.left_s())
    ending = _Ending(limit)
    try:
        async with limit:
            token.add(ending)
            return await rest
    except BaseException as error:
        scope.cancel()  # the calls that were made under this one end with it
        if not isinstance(error, TimeoutError) or not limit.expired():
            raise
    finally:
        token.discard(ending)
    raise ending.reason


class _Ending:
    """Ends what runs under a limit, from any thread."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self.reason: type[BridgeError] = BridgeTimeout
        self._limit = limit
        self._loop = asyncio.get_running_loop()

    def cancel(self, reason: type[BridgeError]) -> None:
        """Let the limit expire now, for this reason."""
        with contextlib.suppress(RuntimeError):  # a closed loop has cancelled it already
            self._loop.call_soon_threadsafe(self._expire, reason)

    def _expire(self, reason: type[BridgeError]) -> None:
        if self._limit.expired():
            return
        with contextlib.suppress(RuntimeError):  # it has been left meanwhile
            self._limit.reschedule(self._loop.time())
            self.reason = reason

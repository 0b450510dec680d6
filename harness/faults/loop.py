"""The target's event loop is late, cancels what it runs, or takes its turns in another order."""

import asyncio
import itertools
import time
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from harness.contract import Contract
from harness.faults.base import choice
from harness.faults.loop_base import LOOP_S_MAX, InsideFault, on_loop
from harness.history import STANDS_IN
from harness.inside import App, Inside, Message, Receive, RequestRule, Send
from harness.registry import fault
from harness.variants import chosen
from harness.window import check

BLOCKED_S = 0.2
"""So long a loop stands still of which nobody says for how long."""


@fault("loop.blocked", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBlocked(InsideFault):
    """Something sleeps on the loop's own thread, as code does that has no `await` (langchain#34777).

    It sleeps once, when the fault is armed, or `on="request"` within each request that the window lets through, for
    `for_s`. Where that is None, a sweep takes half of the lag that the contract allows, and anybody else 0.2 s:
    deadlines must hold meanwhile, and with a `for_s` above that lag an oracle that sees nothing is blind.
    """

    for_s: float | None = None
    on: str = "arming"

    def __post_init__(self) -> None:
        check("for_s", BLOCKED_S if self.for_s is None else self.for_s, 0.001, 3600)
        choice("on", self.on, ("arming", "request"))

    def fitted_to(self, contract: Contract, stage: str) -> "LoopBlocked":  # noqa: ARG002  # as long in each
        """The fault for a target under a contract: where nobody says for how long, half of the lag that it allows."""
        return replace(self, for_s=contract.loop_lag_ms_max / 2000) if self.for_s is None else self

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Block; where it is done at the arming, it is over when this ends."""
        matching = inside.matching(self.window)
        for_s = BLOCKED_S if self.for_s is None else self.for_s

        def block() -> None:
            if matching.lets_through():
                time.sleep(for_s)  # on the loop's own thread: that is the fault
                inside.fired(f"the loop stood still for {for_s:g} s")

        async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
            block()
            await app(scope, receive, send)

        if self.on == "request":
            with inside.around_requests(rule):
                yield
            return
        blocked = on_loop(inside, block)
        try:
            yield
        finally:
            wait({blocked}, for_s + LOOP_S_MAX)


@fault("loop.cancel", needs=("inside",))
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCancel(InsideFault):
    """A request's task is cancelled from outside, as a server does that shuts down (sqlalchemy#8145, httpcore#1093).

    It is cancelled at its `at`-th await, counted where it really waits; where that is None, the first request at its
    first, the next at its second, and so on; or, with `after_s`, so many seconds after it began. With `repeat` it is
    cancelled once more at the first await of its cleanup. A target that answers although it was cancelled has
    answered; one that does not is given what a server that is going away makes of it: a 503 in plain text where no
    answer had begun, a cut connection where one had. (uvicorn itself says 500 there, which would accuse the target.)
    """

    at: int | None = None
    after_s: float | None = None
    repeat: bool = chosen(False, True)

    def __post_init__(self) -> None:
        check("at", 1 if self.at is None else self.at, 1, 10_000)
        check("after_s", 0.0 if self.after_s is None else self.after_s, 0.0, 3600)

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Cancel the requests that arrive from now on."""
        with inside.around_requests(self._rule(inside)):
            yield

    def _rule(self, inside: Inside) -> RequestRule:
        """What happens to a request."""
        matching, ordinals = inside.matching(self.window), itertools.count(1)

        async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
            if not matching.lets_through():
                await app(scope, receive, send)
                return
            cancelling = _Cancelling(inside, again=self.repeat)
            if self.after_s is not None:
                timer = inside.loop.call_later(self.after_s, cancelling.cancel)
            else:
                cancelling.at = next(ordinals) if self.at is None else self.at
                timer = None
            try:
                await cancelling.serve(scope, receive, send, app)
            finally:
                if timer is not None:
                    timer.cancel()

        return rule


class _Cancelling:
    """One request that is to be cancelled; it is made in the task that serves it."""

    def __init__(self, inside: Inside, *, again: bool) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server runs each request in a task"
        self.at: int | None = None
        self._task = task
        self._inside = inside
        self._again = again
        self._times = 0
        self._awaits = 0

    def cancel(self) -> None:
        """Cancel it now."""
        if self._task.cancel():
            self._times += 1
            self._inside.fired(f"cancelled, after {self._awaits} awaits")

    def _awaited(self) -> None:
        """It waits for something: see whether it is time."""
        self._awaits += 1
        if self._awaits == self.at or (self._times == 1 and self._again):
            self.cancel()

    async def serve(self, scope: Message, receive: Receive, send: Send, app: App) -> None:
        """Let the app serve it, and finish what the app did not."""
        begun = whole = False

        async def sent(message: Message) -> None:
            nonlocal begun, whole
            begun = True
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await _watched(_coroutine(app(scope, receive, sent)), self._awaited)
        except asyncio.CancelledError:
            theirs = not self._times or self._task.cancelling() > self._times
            if theirs or (begun and not whole):
                raise
        finally:
            for _ in range(self._times):
                self._task.uncancel()
        if self._times and not begun:
            await _give_503(send)


async def _coroutine(work: Any) -> None:
    """What an app gives back is only awaitable; this is a coroutine."""
    await work


@types.coroutine
def _watched(work: Coroutine[Any, None, None], awaited: Callable[[], None]) -> Generator[Any, None, None]:
    """Run a coroutine in the task that awaits this, and say so each time just before it waits."""
    error: BaseException | None = None
    while True:
        try:
            waits_for = work.send(None) if error is None else work.throw(error)
        except StopIteration:
            return
        awaited()
        try:
            yield waits_for
            error = None
        except BaseException as thrown:  # noqa: BLE001  # whatever it is, it is the coroutine's
            error = thrown


async def _give_503(send: Send) -> None:
    """Answer as a server that is going away does, in place of an app that ended without an answer."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    headers.append((STANDS_IN.encode(), b"loop.cancel"))  # so that nobody asks the target for it
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"Service Unavailable"})


@fault(
    "loop.reorder",
    stages=("simulated",),
    because="only the seed of a simulated run decides that order",
    needs=("inside",),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopReorder(InsideFault):
    """Ready callbacks and threads run in another legal order than they became ready in (hypothesis#4107).

    Only a simulated run decides that order, by its seed. `window` takes steps and seconds: an order is of everything.
    """

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Let the seed choose."""
        with inside.reordered():
            yield

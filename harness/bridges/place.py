"""Where a cell happens: the calls that go through the bridge, from the context that the cell names.

How to write a property: a module of `harness/bridges/properties/` holds functions like this one.

    @conformance("D1", where="no_loop worker on_loop portal", needs={Option.TIMEOUT})
    def timeout_comes_in_time(place: Place) -> None:
        "A timeout of 0.3 s on a sleep of 3 s is raised within 1 s."      (first line: what passes)
        def body() -> float: ...place.run(asyncio.sleep, 3.0, timeout=0.3)...
        took_s = place.enter(body)
        if took_s >= 1.0:
            raise Failed(f"came after {took_s:.2f} s")

- `place.run` is the only way through the bridge. `body` is sync, and runs where the context says; several bodies, each
  in a thread of its own, go through `place.many` (`no_loop` and `worker` only). One property may enter several times:
  the host loop is the same each time, and stands still in between unless `place.settle` lets it go on.
- `beside` is an async function that the host loop runs meanwhile (a ticker, what sets an event); it is begun before the
  body and cancelled after it. `place.entry` is the host's task that awaits the body.
- Returning passes, `Failed` fails. What `place.run` raised and the property did not catch is a failure too, or a
  refusal where it is one (`refusal=`, contexts in which it is accepted). Anything else that leaves the property is a
  mistake of the property: the cell is invalid.
- What must be seen from outside, as an exit code, is a process of its own: `place.spec` is what names the adapter.
"""

import asyncio
import contextlib
import functools
import gc
import threading
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from harness.bridges.adapter import Adapter, Context

S = TypeVar("S")
T = TypeVar("T")

CRASHES = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
"""What a bug raises, and no bridge that says no."""
PROMPT_S = 1.0
"""A refusal that takes longer than this has tried, and failed."""
UNAWAITED = "was never awaited"


class Failed(Exception):
    """The bridge does not have the property; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What a call through the bridge has raised: whether the body had begun, and after how many seconds it came."""

    error: BaseException
    begun: bool
    after_s: float

    @property
    def refused(self) -> bool:
        """Whether the bridge has said no, and why, before it did anything."""
        said = isinstance(self.error, Exception) and bool(str(self.error).strip())
        return said and not isinstance(self.error, CRASHES) and not self.begun and self.after_s < PROMPT_S


class Outcome(Generic[T]):
    """What became of a body."""

    def __init__(self, body: Callable[[], T]) -> None:
        self._body = body
        self.ended = False
        self.value: T | None = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        """Run the body, and keep what came of it."""
        try:
            self.value = self._body()
        except BaseException as error:  # noqa: BLE001  # it is raised again in `get`, where nothing can swallow it
            self.error = error
        self.ended = True

    def get(self) -> T:
        """The body's value, or what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


class Place:
    """One cell's adapter and context. `spec` names the adapter, `loop_factory` makes the host loop.

    `warned` are the warnings of this process, as `warnings.catch_warnings(record=True)` collects them.
    """

    entry: asyncio.Future[list[None]]

    def __init__(
        self,
        adapter: Adapter,
        context: Context,
        *,
        spec: str,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        warned: Sequence[warnings.WarningMessage] = (),
    ) -> None:
        self.adapter = adapter
        self.context = context
        self.spec = spec
        self._warned = warned
        self._runner = asyncio.Runner(loop_factory=loop_factory)
        self._raised: list[Raised] = []

    @property
    def hosted(self) -> bool:
        """Whether there is a host loop."""
        return self.context is not Context.NO_LOOP

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any) -> T:
        """Call a coroutine function through the bridge; what it raises is known to have come from there.

        Raises:
            ValueError: the adapter does not accept an option: the property does not say that it needs it.
        """
        if unknown := set(options) - set(self.adapter.accepts):
            raise ValueError(f"the adapter does not accept {', '.join(sorted(unknown))}")
        begun = threading.Event()

        @functools.wraps(function)
        async def begin(*given: Any) -> T:
            begun.set()
            return await function(*given)

        started = time.monotonic()
        try:
            value: T = self.adapter.run(begin, *args, **options)
        except BaseException as error:  # raised again: it is only noted that it came through the bridge
            self._raised.append(Raised(error, begun.is_set(), time.monotonic() - started))
            raise
        return value

    def enter(self, body: Callable[[], T], *, beside: Callable[[], Awaitable[None]] | None = None) -> T:
        """Run `body` in the context, `beside` next to it on the host loop: the body's value, or what it raised.

        Raises:
            Failed: the way in raised something of its own, or the host loop ended.
            asyncio.CancelledError: `entry` was cancelled, and the body has not ended yet.
        """
        return self._enter([body], beside, threads=False)[0]

    def many(
        self, bodies: Sequence[Callable[[], T]], *, beside: Callable[[], Awaitable[None]] | None = None
    ) -> list[T]:
        """Run the bodies at the same time, each in a thread of its own: their values, or what the first one raised."""
        if self.context in (Context.ON_LOOP, Context.PORTAL):
            raise ValueError(f"{self.context} is one thread")
        return self._enter(bodies, beside, threads=True)

    def _enter(
        self,
        bodies: Sequence[Callable[[], T]],
        beside: Callable[[], Awaitable[None]] | None,
        *,
        threads: bool,
    ) -> list[T]:
        outcomes = [Outcome(body) for body in bodies]
        if self.hosted:
            self._host(outcomes, beside)
        elif beside is not None:
            raise ValueError("there is no host loop for `beside`")
        elif not threads:
            outcomes[0]()
        else:
            started = [threading.Thread(target=outcome) for outcome in outcomes]
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()
        return [outcome.get() for outcome in outcomes]

    def _host(self, outcomes: Sequence[Outcome[T]], beside: Callable[[], Awaitable[None]] | None) -> None:
        """Run the outcomes from the host loop."""
        self.host(lambda: self._hosted(outcomes, beside))
        if all(outcome.ended for outcome in outcomes):
            return
        # A group whose member was cancelled raises that, and does not count as cancelled itself.
        if self.entry.cancelled() or isinstance(self.entry.exception(), asyncio.CancelledError):
            raise asyncio.CancelledError
        raise Failed(f"the way into the context ended with {told(self.entry.exception())}")

    def host(self, function: Callable[[], Awaitable[S]]) -> S:
        """Run an async function on the host loop, outside of any context: its value, or what it raised.

        Raises:
            Failed: the host loop ended under it.
        """
        try:
            value, error = self._runner.run(_kept(function))
        except (
            BaseException
        ) as ended:  # a SystemExit in a host's task ends its loop, which is the bridge's failure
            raise Failed(f"the host loop ended with {told(ended)}") from ended
        if error is not None:
            raise error
        return cast("S", value)

    async def _hosted(
        self, outcomes: Sequence[Outcome[T]], beside: Callable[[], Awaitable[None]] | None
    ) -> None:
        """Await the outcomes in the context, and `beside` for as long; what that one raises is raised."""
        other = asyncio.ensure_future(_awaited(beside) if beside is not None else asyncio.sleep(0))
        # Tasks begin in the order in which they were made.
        self.entry = asyncio.gather(*map(self._way_in, outcomes))
        await asyncio.wait({self.entry})
        other.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await other

    async def _way_in(self, outcome: Outcome[T]) -> None:
        """Run one outcome where the context says."""
        if self.context is Context.WORKER:
            await self.adapter.in_worker(outcome)
        elif self.context is Context.PORTAL:
            await self.adapter.portal(outcome)
        else:
            outcome()

    def settle(self, seconds: float) -> None:
        """Let time pass without a call; the host loop goes on meanwhile, where there is one."""
        if self.hosted:
            self.host(lambda: asyncio.sleep(seconds))
        else:
            time.sleep(seconds)  # that time passes without anything to await is what is asked for

    def unawaited(self) -> list[str]:
        """The coroutines that nobody has awaited, as the interpreter tells of them."""
        gc.collect()
        return [text for text in (str(warning.message) for warning in self._warned) if UNAWAITED in text]

    def raised(self, error: BaseException) -> Raised | None:
        """What is known of an exception that came through the bridge; the innermost call counts."""
        return next((raised for raised in self._raised if raised.error is error), None)

    def forget(self) -> None:
        """Let go of what was raised, so that what its frames hold can be collected."""
        for raised in self._raised:
            traceback.clear_frames(raised.error.__traceback__)
        self._raised.clear()


async def _awaited(function: Callable[[], Awaitable[S]]) -> S:
    return await function()


async def _kept(function: Callable[[], Awaitable[S]]) -> tuple[S | None, BaseException | None]:
    """What an async function returned or raised; what is raised here instead comes from elsewhere."""
    try:
        return await function(), None
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # it is raised again in `host`
        return None, error


def told(error: BaseException | None) -> str:
    """An exception in one line, without its traceback."""
    return " ".join("".join(traceback.format_exception_only(error)).split())

"""A bridge by one background loop that stress must pass, and broken ones, each of which it must find out."""

import asyncio
import concurrent.futures
import ctypes
import itertools
import os
import threading
from typing import Any

from harness.bridges.adapter import Adapter, Context, Option


class CallCancelled(Exception):
    """What a cancelled token comes to."""


class Cancel:
    """A token: it cancels the call that it was given to, or will be."""

    def __init__(self) -> None:
        self.is_set = False
        self._lock = threading.Lock()
        self._future: Any = None

    def cancel(self) -> None:
        with self._lock:
            self.is_set = True
            future = self._future
        if future is not None:
            future.cancel()

    def bind(self, future: Any) -> None:
        with self._lock:
            self._future = future
            cancelled = self.is_set
        if cancelled:
            future.cancel()


class Sound(Adapter):
    """One background loop; values and errors are shipped beside the future."""

    name = "sound"
    contexts = frozenset({Context.NO_LOOP, Context.WORKER})
    accepts = frozenset({Option.TIMEOUT, Option.CANCEL})

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.calls = itertools.count(1)
        self.process = os.getpid()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, function: Any, *args: Any, timeout: float | None = None, cancel: Any = None) -> Any:
        if os.getpid() != self.process:
            self.__init__()
        if cancel is not None and cancel.is_set:
            raise CallCancelled
        shipped: list[Any] = []
        future = asyncio.run_coroutine_threadsafe(self.shipping(shipped, function, args), self.loop)
        if cancel is not None:
            cancel.bind(future)
        try:
            future.result(timeout)
        except concurrent.futures.CancelledError:
            raise CallCancelled from None
        except TimeoutError:
            future.cancel()
            raise
        value, error = shipped
        if error is not None:
            raise error
        return value

    async def shipping(self, shipped: list[Any], function: Any, args: Any) -> None:
        try:
            value = await function(*args)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # shipped to the caller, whatever it is
            shipped += [None, error]
        else:
            shipped += [value, None]

    def token(self) -> Cancel:
        return Cancel()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Hosted(Adapter):
    """No bridge of its own: the coroutines run on the host loop, from its workers only."""

    name = "hosted"
    contexts = frozenset({Context.WORKER})

    async def in_worker(self, function: Any) -> Any:
        self.loop = asyncio.get_running_loop()
        return await super().in_worker(function)

    def run(self, function: Any, *args: Any) -> Any:
        shipped: list[Any] = []
        asyncio.run_coroutine_threadsafe(Sound.shipping(self, shipped, function, args), self.loop).result()
        value, error = shipped
        if error is not None:
            raise error
        return value


class Swaps(Sound):
    """Now and then a caller gets what another one had."""

    last: Any = None

    def run(self, *args: Any, **options: Any) -> Any:
        value = super().run(*args, **options)
        self.last, before = value, self.last
        return before if next(self.calls) == 300 else value


class LosesOne(Sound):
    """One call is never made."""

    def run(self, *args: Any, **options: Any) -> Any:
        return None if next(self.calls) == 300 else super().run(*args, **options)


class RunsTwice(Sound):
    """Each hundredth coroutine is run a second time; some of these have an answer that tells."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) % 100 == 0:
            super().run(*args, **options)
        return super().run(*args, **options)


class Sticks(Sound):
    """One call never comes back."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) == 300:
            threading.Event().wait()
        return super().run(*args, **options)


class LeaksDescriptors(Sound):
    """Each hundredth call leaves a descriptor open."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) % 100 == 0:
            os.dup(0)
        return super().run(*args, **options)


class LeaksThreads(Sound):
    """Each hundredth call leaves a thread waiting."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) % 100 == 0:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        return super().run(*args, **options)


class LeaksTasks(Sound):
    """Each thousandth call leaves a task waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[Any] = []

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) % 1000 == 0:
            self.left.append(asyncio.run_coroutine_threadsafe(asyncio.Event().wait(), self.loop))
        return super().run(*args, **options)


class DeafToTokens(Sound):
    """A token that was cancelled before the call is not looked at."""

    def run(self, *args: Any, cancel: Any = None, **options: Any) -> Any:
        cancel = None if cancel is not None and cancel.is_set else cancel
        return super().run(*args, cancel=cancel, **options)


class ForgetsForks(Sound):
    """A forked process waits for the loop of its parent."""

    def run(self, *args: Any, **options: Any) -> Any:
        self.process = os.getpid()
        return super().run(*args, **options)


class Dies(Sound):
    """The process ends in the middle of a call."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) == 300:
            os._exit(7)
        return super().run(*args, **options)


class LeavesUnfinished(Sound):
    """A coroutine that is out of time is let go of, and never cancelled."""

    def run(self, function: Any, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        if timeout is None or timeout > 1:
            return super().run(function, *args, **options)
        shipped: list[Any] = []
        future = asyncio.run_coroutine_threadsafe(self.shipping(shipped, function, args), self.loop)
        future.result(timeout)
        return shipped[0]


class HoldsTheInterpreter(Sound):
    """A call that lets no other thread run."""

    def run(self, *args: Any, **options: Any) -> Any:
        if next(self.calls) == 300:
            ctypes.PyDLL(None).pause()
        return super().run(*args, **options)


def __getattr__(name: str) -> Any:
    """`instance`, made when it is asked for, once."""
    if name != "instance":
        raise AttributeError(name)
    globals()[name] = Sound()
    return globals()[name]


class OnLoopOnly(Sound):
    """Stress makes no plain calls on a loop's own thread, so that there is nothing to do here."""

    contexts = frozenset({Context.ON_LOOP})

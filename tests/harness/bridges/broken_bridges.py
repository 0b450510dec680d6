"""A bridge that has the properties A, B, C and E, and others that lack one of them each."""

import asyncio
import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.bridges.adapter import Adapter, Context, Option


class Sound(Adapter):
    """A background loop; whatever the coroutine raises is carried over as a value."""

    name = "sound"
    contexts = frozenset(Context)
    accepts = frozenset({Option.COPY_CONTEXT_BACK})

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self.got(*self.carried(function, args), **options)

    def carried(self, function: Callable[..., Any], args: Any) -> Any:
        async def work() -> Any:
            try:
                value = await function(*args)
            except BaseException as error:  # noqa: BLE001  # raised again in `got`
                return None, error, contextvars.copy_context()
            return value, None, contextvars.copy_context()

        return asyncio.run_coroutine_threadsafe(work(), self.loop).result()

    def got(
        self,
        value: Any,
        error: BaseException | None,
        context: contextvars.Context,
        copy_context_back: bool = False,
    ) -> Any:
        if copy_context_back:
            for variable, inside in context.items():
                variable.set(inside)
        if error is None:
            return value
        try:
            raise error
        finally:
            del error

    async def portal(self, function: Callable[[], Any]) -> Any:
        return function()


class Lost(Sound):
    def run(self, function, *args, **options):
        super().run(function, *args, **options)


class Unawaited(Sound):
    def run(self, function, *args, **options):
        return function(*args)


class Mixed(Sound):
    def run(self, function, *args, **options):
        self.value = super().run(function, *args, **options)
        time.sleep(0.01)
        return self.value


class Queued(Sound):
    lock = threading.Lock()

    def run(self, function, *args, **options):
        with self.lock:
            return super().run(function, *args, **options)


class Retries(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except RuntimeError:
            return super().run(function, *args, **options)


class Regroups(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except ExceptionGroup as group:
            raise group.derive(group.exceptions) from group.__cause__


class NoCause(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except ExceptionGroup as group:
            raise group from None


class NoNote(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except ExceptionGroup as group:
            group.__notes__.clear()
            raise


class NoFrame(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except ExceptionGroup as group:
            error = group
        raise error.with_traceback(None)


class Uncancelled(Sound):
    def run(self, function, *args, **options):
        with contextlib.suppress(asyncio.CancelledError):
            return super().run(function, *args, **options)


class OnlyExceptions(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except (SystemExit, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            raise RuntimeError(str(error)) from error


class DeadAfterwards(Sound):
    dead = False

    def run(self, function, *args, **options):
        if self.dead:
            return None
        try:
            return super().run(function, *args, **options)
        except SystemExit:
            self.dead = True
            raise


class RaisesWhatIsReturned(Sound):
    def run(self, function, *args, **options):
        value = super().run(function, *args, **options)
        if isinstance(value, BaseException):
            raise value
        return value


class Unwraps(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except RuntimeError as error:
            raise LookupError("what was below") from error.__cause__


class PortalThatStops(Sound):
    async def portal(self, function):
        with contextlib.suppress(StopIteration):
            return function()


class EmptyContext(Sound):
    def run(self, function, *args, **options):
        return contextvars.Context().run(super().run, function, *args, **options)


class AlwaysBack(Sound):
    def run(self, function, *args, **options):
        return super().run(function, *args, copy_context_back=True)


class NeverBack(Sound):
    def run(self, function, *args, **options):
        return super().run(function, *args)


class NoWayBack(Sound):
    accepts = frozenset()


class FreshLoops(Sound):
    def run(self, function, *args, **options):
        return asyncio.run(function(*args))


class LeftLoops(Sound):
    def run(self, function, *args, **options):
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(function(*args))


class Leaks(Sound):
    def run(self, function, *args, **options):
        os.open(os.devnull, os.O_RDONLY)
        return super().run(function, *args, **options)


class LeaksThreads(Sound):
    def run(self, function, *args, **options):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        return super().run(function, *args, **options)


class Keeps(Sound):
    def run(self, function, *args, **options):
        self.last = super().run(function, *args, **options)
        return self.last


class Replaces(Sound):
    def run(self, function, *args, **options):
        asyncio.run = self.run
        return super().run(function, *args, **options)


class Refuses(Sound):
    """Refuses on a loop's own thread as it should."""

    name = "refuses"
    contexts = frozenset({Context.NO_LOOP, Context.ON_LOOP})

    def run(self, function, *args, **options):
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("there is a running loop: await it instead")
        return super().run(function, *args, **options)


class RefusesAlways(Sound):
    def run(self, function, *args, **options):
        raise RuntimeError("not today: come back tomorrow")


class RefusesInSilence(Sound):
    def run(self, function, *args, **options):
        raise RuntimeError


class RefusesTooLate(Sound):
    def run(self, function, *args, **options):
        coroutine = function(*args)
        raise RuntimeError(f"{coroutine} cannot be awaited here")


class Unclosable(Sound):
    def close(self):
        raise OSError("the loop is gone")


class Declares(Sound):
    declares = frozenset({"X9/on_loop", "X9/no_loop", "X1/no_loop", "X2/no_loop"})


class Duck:
    """What is no subclass has plain strings, and only what it needs."""

    name = "duck"
    contexts = frozenset({"no_loop"})

    def run(self, function, *args, **options):
        return asyncio.run(function(*args))


class Wordless(Duck):
    contexts = frozenset({"somewhere"})


def factory() -> Sound:
    return Sound()


class Waits(Sound):
    """Says who it is, and never answers."""

    def run(self, function, *args, **options):
        Path(os.environ["BRIDGE_READY"]).write_text(str(os.getpid()))
        threading.Event().wait()


NO_BRIDGE = 7

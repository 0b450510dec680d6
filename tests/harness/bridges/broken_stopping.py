"""A bridge that has the properties D, G, H and I but for those of a portal, and others that lack one of them each."""

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import os
import threading
import time

import anyio.to_thread

from harness.bridges.adapter import Adapter, Context, Option


class Stopped(Exception):
    """A call was stopped from outside."""


class Stop:
    """Stops the calls that it is bound to."""

    def __init__(self):
        self.stopped = False
        self.futures = []

    def bind(self, future):
        self.futures.append(future)
        if self.stopped:
            future.cancel()

    def cancel(self):
        self.stopped = True
        for future in self.futures:
            future.cancel()


STOPS = contextvars.ContextVar("stops", default=())


class Sound(Adapter):
    """A background loop; what stops a call stops the calls below it."""

    name = "sound"
    contexts = frozenset({Context.NO_LOOP, Context.WORKER, Context.PORTAL})
    accepts = frozenset({Option.TIMEOUT, Option.CANCEL})

    def __init__(self):
        self.lock = threading.Lock()
        self.owner = 0
        atexit.register(self.end)

    def loop(self):
        with self.lock:
            if self.owner != os.getpid():
                known = asyncio.new_event_loop()
                try:
                    threading.Thread(target=known.run_forever, daemon=True).start()
                except RuntimeError as error:
                    raise Stopped("an interpreter that ends starts no thread") from error
                self.owner, self.known = os.getpid(), known
            return self.known

    def run(self, function, *args, timeout=None, cancel=None):
        loop, own = self.loop(), Stop()
        if asyncio._get_running_loop() is loop:
            raise RuntimeError("this loop would wait for itself: await it")
        stops = (*STOPS.get(), own) + (() if cancel is None else (cancel,))
        self.look(stops)
        context = contextvars.copy_context()
        context.run(STOPS.set, stops)
        future = context.run(asyncio.run_coroutine_threadsafe, function(*args), loop)
        for stop in stops:
            stop.bind(future)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError as error:
            raise Stopped("the call was stopped") from error
        except BaseException:
            own.cancel()
            raise

    def look(self, stops):
        if any(stop.stopped for stop in stops):
            raise Stopped("the call was stopped before it began")

    async def in_worker(self, function):
        stop = Stop()
        reset = STOPS.set((*STOPS.get(), stop))
        try:
            return await anyio.to_thread.run_sync(function)
        except asyncio.CancelledError:
            stop.cancel()
            raise
        finally:
            STOPS.reset(reset)

    async def portal(self, function):
        return function()

    def token(self):
        return Stop()

    def end(self):
        async def finish():
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=1.0)

        if self.owner == os.getpid():
            asyncio.run_coroutine_threadsafe(finish(), self.known).result(2.0)


class Hasty(Sound):
    def run(self, function, *args, timeout=None, **options):
        return super().run(function, *args, timeout=0.0 if timeout else None, **options)


class Endless(Sound):
    def run(self, function, *args, timeout=None, **options):
        return super().run(function, *args, **options)


class Abandons(Sound):
    def run(self, function, *args, timeout=None, **options):
        async def shielded():
            return await asyncio.shield(function(*args))

        return super().run(shielded, timeout=timeout, **options)


class Lingers(Sound):
    def run(self, function, *args, timeout=None, **options):
        async def slow():
            task = asyncio.ensure_future(function(*args))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.sleep(0.6)
                task.cancel()
                raise

        return super().run(slow, timeout=timeout, **options)


class Joins(Sound):
    def run(self, function, *args, timeout=None, **options):
        done = threading.Event()

        async def noted():
            try:
                return await function(*args)
            finally:
                done.set()

        try:
            return super().run(noted, timeout=timeout, **options)
        except TimeoutError:
            done.wait()
            raise


class Shallow(Sound):
    async def in_worker(self, function):
        return await anyio.to_thread.run_sync(contextvars.Context().run, function)


class Blocks(Sound):
    async def in_worker(self, function):
        return function()


class Empty(Sound):
    def run(self, function, *args, **options):
        super().run(function, *args, **options)


class GivesUp(Sound):
    """Its own timeout, and a way back that takes the host loop past what the call has waited for."""

    def run(self, function, *args, **options):
        return super().run(function, *args, timeout=0.02)

    async def in_worker(self, function):
        # At once: what anyio imports for its first worker would take as long as the host does.
        await asyncio.get_running_loop().run_in_executor(None, function)
        await asyncio.sleep(0.2)


class HandsBack(Sound):
    def run(self, function, *args, **options):
        inside = asyncio._get_running_loop() is not None
        return function(*args) if inside else super().run(function, *args, **options)


class Flat(Sound):
    def run(self, function, *args, **options):
        in_main = threading.current_thread() is threading.main_thread()
        return super().run(function, *args, **options) if in_main else 0


class Deadlocks(Sound):
    def run(self, function, *args, **options):
        return asyncio.run_coroutine_threadsafe(function(*args), self.loop()).result()


class OneThread(Sound):
    def run(self, function, *args, **options):
        if threading.current_thread().name.startswith("AnyIO"):
            raise RuntimeError("no loop in this thread: call from another one")
        return super().run(function, *args, **options)


class Hosted(Sound):
    """Runs on the host loop, and takes no heed of its workers."""

    async def in_worker(self, function):
        self.host = asyncio.get_running_loop()
        return await super().in_worker(function)

    def loop(self):
        return self.host


class Uninterrupted(Sound):
    def run(self, function, *args, **options):
        return asyncio.run_coroutine_threadsafe(function(*args), self.loop()).result()


class Swallows(Sound):
    def run(self, function, *args, **options):
        with contextlib.suppress(KeyboardInterrupt):
            return super().run(function, *args, **options)


class DeadAfterwards(Sound):
    interrupted = False

    def run(self, function, *args, **options):
        if self.interrupted:
            return None
        try:
            return super().run(function, *args, **options)
        except KeyboardInterrupt:
            self.interrupted = True
            raise


class Late(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except KeyboardInterrupt:
            time.sleep(1.2)
            raise


class DeafToken(Sound):
    def run(self, function, *args, cancel=None, **options):
        return super().run(function, *args, **options)


class UntypedToken(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except Stopped as error:
            raise RuntimeError(str(error)) from error


class LateToken(Sound):
    def look(self, stops):
        """Look only once it has begun."""

    def run(self, function, *args, cancel=None, **options):
        if cancel.stopped:
            super().run(function, *args)
            raise Stopped("the call was stopped, in the end")
        return super().run(function, *args, cancel=cancel)


class LeavesCoroutines(Sound):
    def look(self, stops):
        if any(stop.stopped for stop in stops):
            asyncio.sleep(0)
            super().look(stops)


class SlowStop(Stop):
    def cancel(self):
        time.sleep(0.8)
        super().cancel()


class SlowToken(Sound):
    def token(self):
        return SlowStop()

"""A service that has its turns done by a worker, one after the other. The defects are mistakes of that kind.

`ready_anyway`: it is ready whether or not its worker lives. `waits_for_ever`: a turn has no time of its own.
`module_lock`: the lock is that of the module, for whichever loops there are. `never_starts_twice`,
`never_ends_twice`, `raises_on_the_second`: with another that runs in the process it cannot begin, end, or answer.
"""

import asyncio
import contextlib
import json
import logging
import queue
import threading

DEFECTS = dict.fromkeys(
    (
        "ready_anyway",
        "waits_for_ever",
        "module_lock",
        "never_starts_twice",
        "never_ends_twice",
        "raises_on_the_second",
    )
)
RUNNING = []
LOCK = asyncio.Lock()
WORKER = "worked-writer"


class Worker:
    """A thread that answers what it is given, each on the loop that asks."""

    def __init__(self):
        self._asked = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=WORKER, daemon=True)

    def start(self):
        """Begin."""
        self._thread.start()

    @property
    def lives(self):
        """Whether it is there."""
        return self._thread.is_alive()

    async def done(self):
        """Have it do something."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        self._asked.put((loop, done))
        await done.wait()

    def end(self):
        """Let it come to its end."""
        self._asked.put(None)
        self._thread.join()

    def _work(self):
        while (asked := self._asked.get()) is not None:
            loop, done = asked
            with contextlib.suppress(Exception):
                loop.call_soon_threadsafe(done.set)


def create(*, defects=(), transport=None):
    """Build it; it has no provider, and needs no `transport`."""
    lock = LOCK if "module_lock" in defects else asyncio.Lock()
    worker = Worker()
    patience_s = None if "waits_for_ever" in defects else 0.2

    async def turn():
        if not (worker.lives or "waits_for_ever" in defects):
            return 503
        try:
            async with asyncio.timeout(patience_s), lock:
                await worker.done()
                await asyncio.sleep(0.01)
        except TimeoutError:
            return 503
        except RuntimeError:
            logging.getLogger("worked").exception("a turn failed")
            return 500
        return 200

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send, worker, defects)
            return
        if "raises_on_the_second" in defects and asyncio.get_running_loop() is not RUNNING[0]:
            raise RuntimeError("who is there?")
        message = await receive()
        asked = json.loads(message["body"] or "{}")
        status = 200
        if scope["path"] == "/turn":
            status = await turn()
        elif scope["path"] == "/ready" and not worker.lives and "ready_anyway" not in defects:
            status = 503
        await answer(send, status, {"session_id": asked.get("session") or "s", "detail": "no more"})

    return app


async def lifespan(receive, send, worker, defects):
    """Start the worker, and end it."""
    await receive()
    if RUNNING and "never_starts_twice" in defects:
        raise RuntimeError("it is there already")
    RUNNING.append(asyncio.get_running_loop())
    worker.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.to_thread(worker.end)
    RUNNING.remove(asyncio.get_running_loop())
    if RUNNING and "never_ends_twice" in defects:
        raise RuntimeError("it is still there")
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send, status, said):
    """Send an answer."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})

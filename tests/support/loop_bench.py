"""A loop in a thread of its own with an app on it, and the inside of it as a fault would have it."""

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from harness.window import Matching, Window
from harness.within.output import OUTPUT_GATE, output_to
from harness.within.requests import RequestGate
from harness.within.wall import WallShift

Sent = list[dict[str, Any]]


class Bench:
    """The process of a target, as far as the loop's faults know it: it is an `Inside`, and can be asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, app: Any, *, sync_entry: str = "") -> None:
        self.loop = loop
        self.gate = RequestGate(app)
        self.sync_entry = sync_entry
        self.wall = WallShift()
        self.around_requests = self.gate.around
        self.wall_moved = self.wall.moved
        self.around_output = OUTPUT_GATE.around
        self.output_has_file = True
        self.noted: list[str] = []
        self._noted = threading.Condition()

    def fired(self, detail: str) -> None:
        with self._noted:
            self.noted.append(detail)
            self._noted.notify_all()

    def until_fired(self, times: int = 1) -> None:
        """Wait until so many firings were noted."""
        with self._noted:
            assert self._noted.wait_for(lambda: len(self.noted) >= times, 20)

    def matching(self, window: Window) -> Matching:
        return Matching(window, random.Random(0))

    def output_to(self, descriptor: int) -> AbstractContextManager[None]:
        return output_to(descriptor)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the loop, and wait for what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def ask(self, path: str = "/") -> Sent:
        """Send one request in a task of its own; what was sent in answer."""
        return self.run(self.asked(path))

    async def asked(self, path: str = "/") -> Sent:
        """As `ask`, on the loop; an app that was cancelled breaks off what it sent."""
        sent: Sent = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await self.gate({"type": "http", "path": path}, receive, send)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return sent


@contextmanager
def running(app: Any, *, sync_entry: str = "") -> Iterator[Bench]:
    """Have a loop run in a thread, with nothing left on it at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    bench = Bench(loop, app, sync_entry=sync_entry)
    try:
        yield bench
    finally:
        left = bench.run(_others())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        assert left == 0


async def _others() -> int:
    """How many tasks there are beside this one."""
    return len(asyncio.all_tasks()) - 1


def answering(work: Callable[[], Coroutine[Any, Any, None]]) -> Any:
    """An app that does some work, then answers 200."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await work()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})

    return app


def status(sent: Sent) -> int:
    """The status of an answer."""
    return int(sent[0]["status"])

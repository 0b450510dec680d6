"""What the target's process says of itself: tokens lent by the limiter of worker threads, and main memory."""

import asyncio
import os
import threading
from contextlib import suppress
from typing import Any

import anyio
import pytest

from harness.targets.system import held, memory_bytes
from harness.targets.witness import WitnessedApp


async def app(scope: Any, receive: Any, send: Any) -> None:
    """An app with nothing to start and nothing to answer."""


def begun() -> WitnessedApp:
    """The app, watched on this thread's loop once its lifespan has begun."""
    return WitnessedApp(app, nonce="n")


async def begin(witnessed: WitnessedApp) -> None:
    """Begin its lifespan here."""
    nothing: Any = None
    await witnessed({"type": "lifespan"}, nothing, nothing)
    witnessed.rest()


async def test_a_token_that_is_lent_is_counted() -> None:
    """Each token that somebody holds of the loop's own limiter is counted, and none when all are back."""
    witnessed = begun()
    assert witnessed.read()["limiter_tokens"] == 0
    await begin(witnessed)
    limiter = anyio.to_thread.current_default_thread_limiter()
    async with limiter:
        assert witnessed.read()["limiter_tokens"] == 1
    assert witnessed.read()["limiter_tokens"] == 0


async def test_a_worker_thread_holds_its_token_as_long_as_it_works() -> None:
    """What a `def` route does in a thread is seen while it lasts."""
    witnessed, works, done = begun(), threading.Event(), threading.Event()
    await begin(witnessed)

    def work() -> None:
        works.set()
        done.wait()

    task = asyncio.create_task(anyio.to_thread.run_sync(work))
    await asyncio.to_thread(works.wait)
    during = witnessed.read()["limiter_tokens"]
    done.set()
    await task
    assert (during, witnessed.read()["limiter_tokens"]) == (1, 0)


async def test_memory_is_that_of_a_process_of_the_app_s_own() -> None:
    """In the main thread of its process the app has all of its memory; in another thread it is a guest, and has none."""
    own, guest = begun(), begun()
    await begin(own)
    await asyncio.to_thread(lambda: asyncio.run(begin(guest)))
    assert own.read()["memory_bytes"] > 1_000_000
    assert guest.read()["memory_bytes"] == 0


def test_the_system_tells_the_memory_of_each_process_that_is_there() -> None:
    """Those of all are added; one that has ended holds nothing."""
    nobody = 2**22 + 1  # above the highest process id of Linux
    assert memory_bytes(nobody) == 0
    own = memory_bytes(os.getpid())
    assert own > 1_000_000
    together = held((os.getpid(), os.getpid(), nobody))["memory_bytes"]
    assert abs(together - 2 * own) < own


async def test_a_start_up_that_is_held_is_told_when_it_is_let_go() -> None:
    """The app has done all of it, and the server, which would listen, has not heard so yet."""
    told: list[str] = []

    async def starting(scope: Any, receive: Any, send: Any) -> None:
        told.append("done")
        await send({"type": "lifespan.startup.complete"})

    async def held() -> None:
        told.append("held")

    async def noted(message: Any) -> None:
        told.append(message["type"])

    nothing: Any = None
    witnessed = WitnessedApp(starting, nonce="n", held=held)
    await witnessed({"type": "lifespan"}, nothing, noted)
    witnessed.rest()
    assert told == ["done", "held", "lifespan.startup.complete"]


@pytest.mark.parametrize(("status", "closes"), [(200, False), (500, True), (503, False), (None, True)])
async def test_an_answer_behind_which_the_connection_is_closed_says_so(
    status: int | None, closes: bool
) -> None:
    """It is closed behind an app that raises: a client that went on there would be told of no answer at all."""
    sent: list[dict[str, Any]] = []

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        if status is None:
            raise RuntimeError("before anything was answered")
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def noted(message: Any) -> None:
        sent.append(message)

    nothing: Any = None
    with suppress(RuntimeError):
        await WitnessedApp(answering, nonce="n")({"type": "http"}, nothing, noted)
    assert ((b"connection", b"close") in sent[0]["headers"]) is closes

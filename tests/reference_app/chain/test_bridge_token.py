"""The bridge's token: what ends a call, and those below it, from another thread."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from coroutines import HANG_S, for_ever, in_thread, value

from reference_app.bridge import BridgeCancelled, CancelToken


@pytest.mark.parametrize("place", ["no_loop", "worker", "portal"])
def test_a_token_frees_the_caller(stage: Any, place: str) -> None:
    """A token that is cancelled from another thread ends the call with a typed error, and the `finally` has run."""
    token, began, ended = CancelToken(), threading.Event(), threading.Event()

    async def body() -> None:
        began.set()
        try:
            await for_ever()
        finally:
            ended.set()

    def check(run: Callable[..., Any]) -> None:
        canceller = in_thread(lambda: (began.wait(HANG_S), token.cancel()))
        with pytest.raises(BridgeCancelled):
            run(body, cancel=token)
        canceller.join(HANG_S)
        assert ended.is_set()
        assert token.cancelled
        assert run(value, 1) == 1

    stage.play(place, check)


def test_a_token_that_was_cancelled_before_keeps_the_body_from_running(stage: Any, place: str) -> None:
    """With a cancelled token nothing of the coroutine runs, and nothing is left un-awaited."""
    token, ran = CancelToken(), []
    token.cancel()

    async def body() -> None:
        ran.append(1)

    def check(run: Callable[..., Any]) -> None:
        with pytest.raises(BridgeCancelled):
            run(body, cancel=token)

    stage.play(place, check)
    gc.collect()  # where a coroutine that was never awaited would be told of
    assert not ran


def test_a_token_reaches_the_calls_below(stage: Any, place: str) -> None:
    """A token ends the call that was made in a worker thread of the coroutine, too, whose `finally` runs."""
    token, began, ended = CancelToken(), threading.Event(), threading.Event()

    async def inner() -> None:
        began.set()
        try:
            await for_ever()
        finally:
            ended.set()

    async def outer() -> None:
        await asyncio.to_thread(stage.bridge.run, inner)

    def check(run: Callable[..., Any]) -> None:
        canceller = in_thread(lambda: (began.wait(HANG_S), token.cancel()))
        with pytest.raises(BridgeCancelled):
            run(outer, cancel=token)
        canceller.join(HANG_S)
        assert run(asyncio.to_thread, ended.wait, HANG_S)  # waits where the loop can go on meanwhile

    stage.play(place, check)

"""The bridge: every property in every place where a sync caller can stand."""

import asyncio
import gc
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from coroutines import HANG_S, SEEN, caught, for_ever, raising, value

from reference_app.bridge import (
    BridgeMisuse,
    BridgeTimeout,
)


class Own(BaseException):
    """A BaseException of the test's own."""


def test_values_and_returned_exceptions(stage: Any, place: str) -> None:
    """A value comes back as the same object, an exception that is returned included."""
    error = ValueError("returned, not raised")
    assert stage.play(place, lambda run: (run(value, error), run(value, 7))) == (error, 7)


@pytest.mark.parametrize("first", [True, False])
def test_exceptions_keep_their_identity(stage: Any, place: str, first: bool) -> None:
    """Any exception arrives as the same object with its cause and the coroutine's frame, and the next call works."""
    cause = KeyError("cause")

    def check(run: Callable[..., Any]) -> None:
        async def body(error: BaseException) -> None:
            if not first:
                await asyncio.sleep(0)
            raise error from cause

        kinds = (RuntimeError, KeyboardInterrupt, SystemExit, Own, asyncio.CancelledError, TimeoutError)
        for error in (kind("boom") for kind in kinds):
            got = caught(run, body, error)
            assert got is error
            assert got.__cause__ is cause
            assert "body" in [frame.name for frame in traceback.extract_tb(got.__traceback__)]
            assert run(value, 1) == 1

    stage.play(place, check)


def test_stop_iteration_becomes_a_runtime_error(stage: Any, place: str) -> None:
    """A StopIteration raised inside arrives as PEP 479 says, at the first step or later, and ends no loop."""

    def check(run: Callable[..., Any]) -> None:
        for first in (True, False):

            async def body(first: bool = first) -> None:
                await raising(StopIteration(3), first=first)

            got = caught(run, body)
            assert isinstance(got, RuntimeError)
            assert isinstance(got.__cause__, StopIteration | RuntimeError)

    stage.play(place, check)


def test_stop_iteration_of_the_sync_function(stage: Any) -> None:
    """A sync function that raises StopIteration in a portal or a worker thread ends in a RuntimeError, not in a hang."""

    def function(_: Any) -> None:
        raise StopIteration(3)

    for place in ("portal", "worker"):
        with pytest.raises(RuntimeError, match="StopIteration"):
            stage.play(place, function)


def test_context_goes_in_and_comes_back_where_asked(stage: Any, place: str) -> None:
    """The caller's variables are seen inside; a change made inside comes back only with `copy_context_back`."""

    async def body() -> Any:
        seen = SEEN.get()
        await asyncio.sleep(0)
        SEEN.set("inside")
        return seen

    def check(run: Callable[..., Any]) -> None:
        SEEN.set("outside")
        assert run(body) == "outside"
        assert SEEN.get() == "outside"
        assert run(body, copy_context_back=True) == "outside"
        assert SEEN.get() == "inside"

    stage.play(place, check)


def test_a_timeout_cancels(stage: Any, place: str) -> None:
    """A call that outlasts its time raises a TimeoutError that says what to do, and its `finally` has run by then."""
    ended = threading.Event()

    async def body() -> None:
        try:
            await for_ever()
        finally:
            ended.set()

    def check(run: Callable[..., Any]) -> None:
        with pytest.raises(BridgeTimeout, match="give it more") as failure:
            run(body, timeout=0.05)
        assert isinstance(failure.value, TimeoutError)
        assert ended.wait(HANG_S)
        assert run(value, 1) == 1

    stage.play(place, check)


def test_nested_calls(stage: Any, place: str) -> None:
    """A call whose coroutine enters a worker thread or a portal that calls again, four deep, gives its value."""

    async def deeper(depth: int) -> int:
        if depth == 4:
            return depth
        enter = stage.bridge.thread if depth % 2 else stage.bridge.portal
        return await enter(stage.bridge.run, deeper, depth + 1)

    assert stage.play(place, lambda run: run(deeper, 1)) == 4


def test_an_outer_timeout_reaches_a_nested_call(stage: Any, place: str) -> None:
    """A nested call with a longer timeout of its own ends with the call around it, and its `finally` runs."""
    begun, ended = threading.Event(), threading.Event()

    async def inner() -> None:
        begun.set()
        try:
            await for_ever()
        finally:
            ended.set()

    async def outer() -> None:
        await asyncio.to_thread(lambda: stage.bridge.run(inner, timeout=2 * HANG_S))

    def check(run: Callable[..., Any]) -> None:
        for patience_s in (0.3, 3.0, HANG_S):  # until the inner one has had the time to begin
            with pytest.raises(BridgeTimeout):
                run(outer, timeout=patience_s)
            if begun.is_set():
                break
        assert run(asyncio.to_thread, ended.wait, HANG_S)  # waits where the loop can go on meanwhile

    stage.play(place, check)


def test_arguments_are_checked(stage: Any, place: str) -> None:
    """A coroutine, a plain function, no function and a bad timeout are refused by name; nothing stays un-awaited."""

    def check(run: Callable[..., Any]) -> None:
        for function, timeout in (
            (value(1), 1.0),
            (lambda: 1, 1.0),
            ("text", 1.0),
            (for_ever, -1.0),
            (for_ever, float("nan")),
            (for_ever, "1"),
            (for_ever, True),
            (for_ever, 10**400),
        ):
            with pytest.raises(BridgeMisuse):
                run(function, timeout=timeout)
        with pytest.raises(BridgeMisuse):
            run(for_ever, cancel=threading.Event(), timeout=1.0)
        gc.collect()

    stage.play(place, check)


def test_other_awaitables_are_awaited(stage: Any, place: str) -> None:
    """A function that returns any awaitable, a bound method or a future of that loop, is as good as a coroutine's."""

    def future() -> Any:
        return asyncio.ensure_future(value(3))

    assert stage.play(place, lambda run: run(future)) == 3


def test_results_are_not_kept(stage: Any, place: str) -> None:
    """Once the caller drops a result or an exception it is gone, with the garbage collector off."""

    class Thing:
        pass

    async def make() -> Thing:
        return Thing()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise Own

    def check(run: Callable[..., Any]) -> None:
        gc.disable()
        try:
            gone = weakref.ref(run(make))
            try:
                run(fail)
            except Own as error:
                gone_error = weakref.ref(error)
            run(value, 1)
            assert (gone(), gone_error()) == (None, None)
        finally:
            gc.enable()

    stage.play(place, check)

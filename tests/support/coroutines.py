"""Coroutines that the tests of the bridge call, and what a call raised."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from reference_app.bridging.calls import Outcome

SEEN: ContextVar[Any] = ContextVar("seen", default=None)
HANG_S = 30.0


async def value(given_value: Any) -> Any:
    """The value, after one suspension."""
    await asyncio.sleep(0)
    return given_value


async def raising(error: BaseException, *, first: bool = False) -> None:
    """Raise, in the first step or after one suspension."""
    if not first:
        await asyncio.sleep(0)
    raise error


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


def caught(run: Callable[..., Any], *args: Any, **options: Any) -> BaseException:
    """What a call raised, of any kind."""
    with Outcome() as outcome:
        run(*args, **options)
    assert outcome.error is not None
    return outcome.error


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """A thread that has been started, and runs the function."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread

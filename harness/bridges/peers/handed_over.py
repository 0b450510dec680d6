"""For bridges that are handed a coroutine, not the function that makes it."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any


def handed_over(call: Callable[[Coroutine[Any, Any, Any]], Any], coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What `call` makes of a coroutine; one that was refused is closed by whoever has made it."""
    try:
        return call(coroutine)
    finally:
        # One that has begun belongs to whoever runs it: closing it here would run its `finally` for the bridge.
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            coroutine.close()

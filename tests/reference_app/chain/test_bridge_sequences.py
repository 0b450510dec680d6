"""The bridge under any sequence of calls."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from coroutines import SEEN, caught, for_ever, value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_app.bridge import (
    BridgeTimeout,
)

PLACES = ("no_loop", "worker", "portal", "on_loop")


CALLS = st.lists(
    st.tuples(
        st.sampled_from(PLACES),
        st.sampled_from(["value", "error", "base", "timeout", "context", "nested"]),
        st.integers(),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_any_sequence_of_calls_in_any_places(
    loop: str, new_stage: Any, calls: list[tuple[str, str, int, int]]
) -> None:
    """Whatever calls are made, in whatever places and order, each gets its own outcome, and no task is left."""
    bridge = new_stage(loop).bridge
    for place, kind, number, steps in calls:
        # A stage, and a loop, of its own for each call; before any of them there is no adopted loop.
        stage = new_stage(loop) if place == "no_loop" else new_stage(loop, bridge)
        assert stage.play(place, lambda run, s=stage, k=kind, n=number, m=steps: _one(s, run, k, n, m))
        assert stage.tasks_left == set()


def _one(stage: Any, run: Callable[..., Any], kind: str, number: int, steps: int) -> bool:
    """One call of a kind; True if its outcome is its own."""

    async def body() -> Any:
        for _ in range(steps):
            await asyncio.sleep(0)
        if kind == "timeout":
            await for_ever()
        if kind == "nested":
            return await stage.bridge.thread(stage.bridge.run, value, number)
        if error is not None:
            raise error
        return SEEN.get() if kind == "context" else number

    error = {"error": ValueError(number), "base": SystemExit(number)}.get(kind)
    SEEN.set(number)
    if error is not None:
        return caught(run, body) is error
    if kind == "timeout":
        return isinstance(caught(run, body, timeout=0.005), BridgeTimeout)
    return bool(run(body) == number)

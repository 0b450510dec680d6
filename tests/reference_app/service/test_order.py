"""The line of a session: who stands in it, and for how long."""

import asyncio
import time

import pytest

from reference_app.context import RequestContext
from reference_app.order import SessionOrder
from reference_app.problems import Problem

HANG_S = 10.0


def within(seconds: float) -> RequestContext:
    """A request with so much time left."""
    return RequestContext(request_id="r", deadline=time.monotonic() + seconds)


@pytest.mark.parametrize("owner", [None, "owner"])
async def test_a_newcomer_does_not_wait_beyond_its_deadline_for_one_that_was_just_let_in(
    owner: str | None,
) -> None:
    """A place that was left is promised to the one that waits: whoever comes in that very moment waits with a limit."""
    order = SessionOrder(waiters_max=4)
    holder = await order.enter("s", owner, within(HANG_S))
    waiter = asyncio.ensure_future(order.enter("s", owner, within(HANG_S)))
    await asyncio.sleep(0)
    holder.leave()
    async with asyncio.timeout(HANG_S):
        with pytest.raises(Problem, match="takes too long"):
            await order.enter("s", owner, within(0.05))
        (await waiter).leave()


@pytest.mark.parametrize("waiters_max", [0, 1, 3])
@pytest.mark.parametrize("owner", [None, "owner"])
async def test_one_is_in_and_so_many_wait(owner: str | None, waiters_max: int) -> None:
    """The limit counts those that wait, the one in hand apart, also in the moment when one follows another."""
    order = SessionOrder(waiters_max)
    holder = await order.enter("s", owner, within(HANG_S))
    waiting = [asyncio.ensure_future(order.enter("s", owner, within(HANG_S))) for _ in range(waiters_max)]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="too many"):
        await order.enter("s", owner, within(HANG_S))
    other = await order.enter("s", "another owner", within(HANG_S))
    other.leave()
    holder.leave()
    for waiter in waiting:
        (await waiter).leave()
    (await order.enter("s", owner, within(HANG_S))).leave()

"""A crowd that is refused for nothing is found, however soon it is told so and with whichever status, and a served one is not."""

import asyncio
import time

import httpx
import pytest
from damage_bench import Provider, Started, turn

from harness.history import WITNESSES, Exchange, Header, History
from harness.registry import INVARIANTS
from harness.targets import profile
from reference_app.defects import pools
from reference_app.sessions.protocol import StoreUnavailable


async def crowd(client: httpx.AsyncClient, number: int) -> list[str]:
    """What `outcome.served` says of so many conversations that are opened at once, as their clients saw them."""
    began_s = time.monotonic()

    async def one(name: int) -> Exchange:
        at_s = time.monotonic() - began_s
        response = await turn(client)
        return Exchange(
            at_s=at_s,
            ended_s=time.monotonic() - began_s,
            step=0,
            role="turn",
            method="POST",
            path="/workflow/execute",
            request_id=f"r{name}",
            session=f"s{name}",
            status=response.status_code,
        )

    exchanges = tuple(await asyncio.gather(*(one(name) for name in range(number))))
    header = Header(
        scenario="crowd",
        seed=1,
        stage="live",
        target="reference_app",
        arm="control",
        contract=profile.load().contract,
        witnesses=tuple(WITNESSES),
    )
    history = History(header=header, records=exchanges)
    return [found.message for found in INVARIANTS.get("outcome.served")(history)]


async def test_threads_that_give_up_soon_are_found(
    started: Started, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty at once are refused by the dozen long before the deadline where threads wait for threads, and served without that."""
    monkeypatch.setenv("APP_DEADLINE_S", "30")
    monkeypatch.setattr(pools, "QUEUE_S", 0.6)
    provider.delay_s = 0.2
    async with started("sync_route_pool_deadlock") as client:
        found = await crowd(client, 60)
    assert len(found) >= 20
    assert set(found) == {"503 with 60 in flight at most, promised to serve 256"}
    async with started() as client:
        assert await crowd(client, 60) == []


async def test_an_empty_pool_that_is_told_politely_is_found(
    started: Started, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight at once three are refused, by a 503 and no 500, where five hold all connections while the model thinks."""
    monkeypatch.setattr(pools, "POOL_S", 0.05)
    monkeypatch.setattr(pools, "NoConnection", StoreUnavailable)
    provider.free.clear()
    refused = 0

    async def thinks_until_three_are_refused(response: httpx.Response) -> None:
        nonlocal refused
        refused += response.status_code == httpx.codes.SERVICE_UNAVAILABLE
        if refused == 3:
            provider.free.set()

    async with started("connection_held_while_waiting") as client:
        client.event_hooks = {"request": [], "response": [thinks_until_three_are_refused]}
        assert await crowd(client, 8) == ["503 with 8 in flight at most, promised to serve 256"] * 3

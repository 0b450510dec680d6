"""Each defect of the store, of its pools and of what is said of it does its damage to the service itself, without the harness."""

import asyncio
import gc
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest
from damage_bench import Provider, Started, turn

from reference_app.defects import pools
from reference_app.order import Place
from reference_app.sessions import threads

STEPS = 500
"""Within so many steps of the loop a turn is about to be stored, where it is stored on the loop."""


async def turn_while_locked(client: httpx.AsyncClient, provider: Provider, path: Path) -> httpx.Response:
    """A turn that meets a locked database, which is unlocked by what runs on the service's loop."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held = asyncio.ensure_future(turn(client))
    for _ in range(STEPS):
        await asyncio.sleep(0)
    other.close()
    return await held


async def test_commit_on_loop_lets_nobody_unlock(started: Started, provider: Provider, log: Path) -> None:
    """While the lock is waited for nothing else gets on, so the turn is refused, which is held where a thread waits."""
    path = log.parent / "sessions.db"
    async with started() as client:
        assert (await turn_while_locked(client, provider, path)).status_code == 200
    provider.sent.clear()
    async with started("commit_on_loop") as client:
        assert (await turn_while_locked(client, provider, path)).status_code == 503


async def test_writer_not_flushed_loses_the_last_turn(started: Started) -> None:
    """A turn that was answered 200 is not there after the shut-down, which has no other mistake in it."""
    for defects, status in (((), 200), (("writer_not_flushed",), 404)):
        async with started(*defects) as client:
            answer = await turn(client)
        assert answer.status_code == 200
        async with started() as client:
            read = await client.get(f"/sessions/{answer.json()['session_id']}")
        assert read.status_code == status


async def test_unbounded_writer_queue_lets_everybody_wait(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk stands still three of five find no room, and are told so before the deadline; with the mistake none is."""
    gate, commit = threading.Event(), threads.commit

    def held_up(*given: object) -> None:
        gate.wait()
        commit(*given)  # type: ignore[arg-type]  # what it is called with is passed on

    monkeypatch.setenv("APP_DEADLINE_S", "1.0")
    monkeypatch.setenv("APP_IN_FLIGHT_MAX", "2")
    monkeypatch.setenv("APP_STORE_QUEUE_MAX", "2")
    for defects, told in (((), 3), (("unbounded_writer_queue",), 0)):
        gate.clear()
        async with started(*defects) as client:
            with monkeypatch.context() as patched:
                patched.setattr(threads, "commit", held_up)
                asked = [asyncio.ensure_future(turn(client)) for _ in range(5)]
                answers = await asyncio.gather(*asked)
                gate.set()
        assert [answer.status_code for answer in answers] == [503] * 5
        assert sum("limit" in answer.json()["detail"] for answer in answers) == told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_poison_turn_kills_writer_for_all(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one request that cannot be done no turn is stored any more, and the health is good."""
    monkeypatch.setenv("APP_DEADLINE_S", "0.5")
    for defects, poisoned, after in (((), 404, 200), (("poison_turn_kills_writer",), 503, 503)):
        async with started(*defects) as client:
            assert (await turn(client)).status_code == 200
            assert (await client.delete("/sessions/there-has-never-been-one")).status_code == poisoned
            assert (await turn(client)).status_code == after
            assert (await client.get("/health")).status_code == 200


async def test_sync_route_pool_deadlock_needs_a_crowd(
    started: Started, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten are served, and of sixty dozens are refused, though the provider is in time and nothing else is slow."""
    monkeypatch.setattr(pools, "QUEUE_S", 0.6)
    provider.delay_s = 0.2
    async with started("sync_route_pool_deadlock") as client:
        assert await statuses_of(client, 10) == {200: 10}
        assert (await statuses_of(client, 60))[503] >= 20
    async with started() as client:
        assert await statuses_of(client, 60) == {200: 60}


async def test_connection_held_while_waiting_empties_the_pool(
    started: Started, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While five turns wait for the provider whoever else comes is answered 500; the provider is slow, and well in time."""
    monkeypatch.setattr(pools, "POOL_S", 0.05)
    provider.delay_s = 0.5
    async with started("connection_held_while_waiting") as client:
        assert await statuses_of(client, 8) == {200: 5, 500: 3}
    async with started() as client:
        assert await statuses_of(client, 8) == {200: 8}


async def test_session_locks_never_freed_stay(started: Started) -> None:
    """For each session that went on for a second turn a lock is left when nobody is there any more."""
    for defects, left in (((), 0), (("session_locks_never_freed",), 7)):
        async with started(*defects) as client:
            for _ in range(7):
                first = await turn(client)
                assert (await turn(client, "more", first.json()["session_id"])).status_code == 200
            gc.collect()
            assert sum(isinstance(one, Place) for one in gc.get_objects()) == left
        gc.collect()


async def test_shallow_readiness_knows_nothing_of_the_store(
    started: Started, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says 200 where no turn can be stored."""
    monkeypatch.setenv("APP_STORE_URL", f"sqlite:///{log.parent}/not-there/sessions.db")
    for defects, ready in (((), 503), (("shallow_readiness",), 200)):
        async with started(*defects) as client:
            assert (await turn(client)).status_code == 503
            assert (await client.get("/ready")).status_code == ready


async def statuses_of(client: httpx.AsyncClient, count: int) -> Counter[int]:
    """What so many turns at once are answered."""
    answers = await asyncio.gather(*(turn(client) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)

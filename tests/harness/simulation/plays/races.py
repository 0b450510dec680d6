"""Races, each with its mended twin: a run's value is whether what must hold held."""

import asyncio
import contextlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import stage

from harness.simulation import Hold, Replay, Simulation, Tape, installed


class Store:
    """A store whose single calls are safe under its lock."""

    def __init__(self, lock: Any = None) -> None:
        self._lock = lock or threading.Lock()
        self._values: dict[str, int] = {}

    def get(self, key: str) -> int:
        with self._lock:
            return self._values.get(key, 0)

    def put(self, key: str, value: int) -> None:
        with self._lock:
            self._values[key] = value

    def add(self, key: str) -> None:
        with self._lock:
            self._values[key] = self._values.get(key, 0) + 1


async def lost_update(*, mended: bool = False) -> bool:
    """A task reads, waits, and writes; another one does so a little later, as a rule after the first has written."""
    total = 0
    lock: Any = asyncio.Lock() if mended else contextlib.nullcontext()

    async def add(after: int) -> None:
        nonlocal total
        for _ in range(after):
            await asyncio.sleep(0)
        async with lock:
            seen = total
            await asyncio.sleep(0)
            total = seen + 1

    await asyncio.gather(add(0), add(3))
    return total == 2


async def store_in_threads(*, mended: bool = False) -> bool:
    """Two worker threads read and write a store that is only safe call by call."""
    return await _in_threads(Store(), mended=mended)


async def store_under_rlock(*, mended: bool = False) -> bool:
    """The same with a reentrant lock."""
    return await _in_threads(Store(threading.RLock()), mended=mended)


async def _in_threads(store: Store, *, mended: bool) -> bool:
    def turn() -> None:
        if mended:
            store.add("turns")
        else:
            store.put("turns", store.get("turns") + 1)

    await asyncio.gather(asyncio.to_thread(turn), asyncio.to_thread(turn))
    return store.get("turns") == 2


async def answer_at_the_timeout(*, mended: bool = False) -> bool:
    """A sync facade gives up after 10 s on a write that takes 10 s: told that it failed, and it is stored."""
    store = Store()

    async def write() -> None:
        await asyncio.sleep(9.9 if mended else 10)
        store.put("written", 1)

    def facade() -> bool:
        pool = ThreadPoolExecutor(1)
        try:
            pool.submit(asyncio.run, write()).result(timeout=10)
        except TimeoutError:
            return store.get("written") == 0
        else:
            return store.get("written") == 1
        finally:
            pool.shutdown(wait=False)

    return await asyncio.to_thread(facade)


async def deep_order(*, mended: bool = False) -> bool:
    """Goes wrong only if one task is held back while another makes many steps."""
    steps = 0
    seen: list[int] = []

    async def walk() -> None:
        nonlocal steps
        for _ in range(12):
            await asyncio.sleep(0)
            steps += 1

    async def look() -> None:
        await asyncio.sleep(0)
        before = steps
        await asyncio.sleep(0)
        seen.append(steps - before)

    await asyncio.gather(walk(), look())
    return mended or seen[0] < 10


RACES: dict[str, Any] = {
    race.__name__: race
    for race in (lost_update, store_in_threads, store_under_rlock, answer_at_the_timeout, deep_order)
}


def holds(name: str, kept: list[Hold]) -> Any:
    """A run of a race with these deviations only."""
    return stage.run(RACES[name], policy=Replay(kept))


def shrunk(name: str, seed: int) -> list[Hold]:
    """As few deviations as will do, found by leaving out one after another for as long as that helps."""
    kept = list(stage.run(RACES[name], seed=seed, policy=stage.POLICIES["uniform"]()).holds)
    before = len(kept) + 1
    while len(kept) < before:
        before = len(kept)
        for hold in list(kept):
            fewer = [other for other in kept if other is not hold]
            if not holds(name, fewer).value:
                kept = fewer
    return kept


def hunt(runs: int) -> Any:
    """The first run that each policy hits each race in, and its mended twin."""
    return {
        policy: {
            name: [
                stage.first_hit(race, stage.POLICIES[policy], runs),
                stage.first_hit(lambda race=race: race(mended=True), stage.POLICIES[policy], 60),
            ]
            for name, race in RACES.items()
        }
        for policy in ("fifo", "uniform", "pct")
    }


def replayed(name: str, seed: int, told: list[list[Any]]) -> Any:
    """What a seed gives, and, where its deviations are told, what these give without the seed's policy."""
    simulation = Simulation(seed=seed, policy=Replay(Hold(*hold) for hold in told)) if told else None
    simulation = simulation or Simulation(seed=seed, policy=stage.POLICIES["uniform"]())
    outcome = simulation.run(RACES[name])
    return [stage.told(outcome), [[hold.lane, hold.step, hold.times] for hold in outcome.holds]]


def tapes() -> Any:
    """Hashes under tapes: none, one of zeros, one far out of range, one that deviates."""
    given = ([], [0] * 50, [10**6, -5, 10**6], [1, 0, 1, 1])
    return [stage.told(stage.run(store_in_threads, policy=Tape(tape)))["hashes"] for tape in given]


if __name__ == "__main__":
    with installed():
        if sys.argv[1] == "hunt":
            stage.show(hunt(int(sys.argv[2])))
        elif sys.argv[1] == "shrink":
            stage.show([[hold.lane, hold.step, hold.times] for hold in shrunk(sys.argv[2], int(sys.argv[3]))])
        elif sys.argv[1] == "replay":
            stage.show(replayed(sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
        else:
            stage.show(tapes())

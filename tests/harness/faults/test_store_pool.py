"""A pool that is exhausted: whose operations are held together, from when on, and until when."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from inside_bench import StoreBench, in_thread, store_bench

from harness.errors import UsageError
from harness.faults.store_pool import Crowd, StorePoolExhausted
from harness.inside import Operation
from harness.registry import drill_of

AGES_S = 3_600.0


class Bench(StoreBench):
    """A bench that can be waited for until so much was noted."""

    def __init__(self, made: StoreBench) -> None:
        super().__init__(made.path, made.gate, opened=made.opened)
        self.changed = threading.Condition()

    def fired(self, detail: str) -> None:
        with self.changed:
            self.noted.append(detail)
            self.changed.notify_all()

    async def has_noted(self, number: int) -> None:
        """Return when so much was noted."""

        def wait() -> None:
            with self.changed:
                assert self.changed.wait_for(lambda: len(self.noted) >= number, timeout=30)

        await asyncio.to_thread(wait)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with store_bench(tmp_path) as made:
        yield Bench(made)


def read(connection: sqlite3.Connection) -> Any:
    return connection.execute("SELECT a FROM t").fetchall()


async def test_every_connection_is_held_until_the_fault_ends(bench: Bench) -> None:
    """Whoever asks, reader or writer, is held beside the others, however long it would be, and served when it is over."""
    connections = [bench.connect() for _ in range(3)]
    with StorePoolExhausted(hold_s=AGES_S).within(bench):
        held = [in_thread(lambda each=each: read(each)) for each in connections[:2]]
        await bench.has_noted(2)
        held.append(in_thread(lambda: connections[2].execute("INSERT INTO t VALUES ('two')")))
        await bench.has_noted(3)
        assert not any(each.done() for each in held)
    assert (await asyncio.gather(*held))[:2] == [[("one",)]] * 2
    assert [note.partition(": ")[2] for note in bench.noted] == [
        "connections held at once: 1",
        "connections held at once: 2",
        "connections held at once: 3",
    ]


async def test_it_fires_only_when_so_many_are_held(bench: Bench) -> None:
    """With `size` the first ones wait for company; one connection that is asked twice is one."""
    connections = [bench.connect() for _ in range(3)]
    crowd = Crowd(2, AGES_S, threading.Event())
    assert [crowd.joined(each) for each in (connections[0], connections[0])] == [0, 0]
    assert [crowd.joined(each) for each in (connections[1], connections[1], connections[2])] == [2, 0, 3]
    with StorePoolExhausted(size=2, hold_s=AGES_S).within(bench):
        held = [in_thread(lambda each=each: read(each)) for each in connections[:2]]
        await bench.has_noted(1)
        assert not any(each.done() for each in held)
    await asyncio.gather(*held)
    assert bench.noted == ["read (SELECT a FROM): connections held at once: 2"]


def test_who_finds_no_company_goes_on(bench: Bench) -> None:
    """One connection is no exhausted pool of two: it is served after `hold_s`, and nothing fired."""
    with StorePoolExhausted(size=2, hold_s=0.001).within(bench):
        assert read(bench.connect()) == [("one",)]
    assert bench.noted == []


async def test_who_waits_for_company_goes_on_with_the_end(bench: Bench) -> None:
    """A wait for others that never come is over with the fault."""
    crowd = Crowd(2, AGES_S, threading.Event())
    waiting = in_thread(crowd.wait)
    crowd.dissolve()
    await waiting
    connection, asked = bench.connect(), threading.Event()

    def watch(_operation: Operation, do: Callable[[], Any]) -> Any:
        asked.set()
        return do()

    with StorePoolExhausted(size=2, hold_s=AGES_S).within(bench), bench.gate.around(watch):
        held = in_thread(lambda: read(connection))
        await asyncio.to_thread(asked.wait)
    assert await held == [("one",)]
    assert bench.noted == []


def test_it_happens_once(bench: Bench) -> None:
    """When its time is over, everybody is served at once, though the fault lasts."""
    connections = [bench.connect() for _ in range(3)]
    with StorePoolExhausted(hold_s=0.001).within(bench):
        assert [read(each) for each in connections] == [[("one",)]] * 3
    assert len(bench.noted) == 1


def test_a_transaction_is_ended_first(bench: Bench) -> None:
    """Who holds the writer's lock is not held with it, nor is who opens a connection."""
    connection = bench.connect()
    connection.execute("INSERT INTO t VALUES ('two')")
    with StorePoolExhausted(hold_s=AGES_S).within(bench):
        connection.execute("INSERT INTO t VALUES ('three')")
        assert len(read(connection)) == 3
        connection.commit()
        bench.connect()
    assert bench.noted == []
    assert bench.stored() == ["one", "three", "two"]


def test_who_was_held_counts_no_more(bench: Bench) -> None:
    """A connection that has left the crowd does not make the next one a crowd."""
    crowd = Crowd(2, AGES_S, threading.Event())
    one, other = object(), object()
    assert crowd.joined(one) == 0
    crowd.left(one)
    assert crowd.joined(other) == 0
    assert crowd.joined(one) == 2


@pytest.mark.parametrize("knobs", [{"size": -1}, {"hold_s": 0}])
def test_a_knob_out_of_its_range_is_refused(knobs: dict[str, Any]) -> None:
    """A pool of less than nothing, and a hold of no time, are no fault."""
    with pytest.raises(UsageError, match="at least"):
        StorePoolExhausted(**knobs)


def test_it_is_played_on_a_crowd() -> None:
    """With two conversations no pool is ever exhausted."""
    assert drill_of(StorePoolExhausted()) == "crowd"

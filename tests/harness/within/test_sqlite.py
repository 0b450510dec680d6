"""The gate stands before everything that is asked of SQLite, and is not felt where nobody stands in it."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from sqlite3 import dbapi2
from typing import Any

import pytest
from inside_bench import StoreBench, kinds, plain, refused, store_bench

from harness.inside import Operation
from harness.within.sqlite import StoreGate
from harness.within.sqlite_connections import path_of

GENUINE = sqlite3.connect


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    with store_bench(tmp_path) as made:
        yield made


def test_nothing_is_replaced_any_more_after_uninstall(bench: StoreBench) -> None:
    """Both names of `connect` are ours from install to uninstall, also for who takes the name, and then the very old ones."""
    namespace: dict[str, Any] = {}
    exec("from sqlite3 import connect", namespace)
    assert sqlite3.connect is not GENUINE
    assert dbapi2.connect is sqlite3.connect is namespace["connect"]
    bench.gate.uninstall()
    assert sqlite3.connect is GENUINE
    assert dbapi2.connect is GENUINE


def test_who_took_connect_after_the_gate_keeps_it(bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uninstall leaves alone what somebody else has put over the gate meanwhile."""

    def theirs(*arguments: Any) -> None: ...

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", theirs)
        bench.gate.uninstall()
        assert sqlite3.connect is theirs
        assert dbapi2.connect is GENUINE
    bench.gate.uninstall()
    assert sqlite3.connect is GENUINE


def test_every_way_to_ask_is_seen(bench: StoreBench) -> None:
    """Opening, statements on connection and cursor, many at once, commits of each style and a backup are operations."""
    with bench.watched() as seen:
        connection = bench.connect()
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("INSERT INTO t VALUES ('two')")
        connection.commit()
        connection.cursor().executemany("INSERT INTO t VALUES (?)", [("a",), ("b",)])
        connection.execute("COMMIT")
        with connection:
            connection.cursor().execute("DELETE FROM t WHERE a = 'a'")
        connection.execute("SELECT a FROM t").fetchall()
        connection.commit()  # of nothing
        connection.execute("INSERT INTO t VALUES ('never')")
        connection.rollback()
        with plain(Path(":memory:")) as copy:
            connection.backup(copy)
    assert kinds(seen) == [
        "open", *["write", "commit"] * 3, "read", "write", "read",
    ]  # fmt: skip
    assert {operation.path for operation in seen} == {str(bench.path)}
    assert seen[1].statement == "INSERT INTO t VALUES ('two')"
    assert bench.stored() == ["b", "one", "two"]


def test_rules_stack_and_go_in_any_order(bench: StoreBench) -> None:
    """The last rule is outermost; each may go before the others, and a connection that was open sees all of it."""
    connection = bench.connect()
    order: list[str] = []

    def rule(name: str) -> Any:
        def around(operation: Operation, do: Callable[[], Any]) -> Any:
            order.append(name)
            return do()

        return bench.gate.around(around)

    def asked() -> str:
        order.clear()
        connection.execute("SELECT 1")
        return "".join(order)

    first, second, third = rule("1"), rule("2"), rule("3")
    for each in (first, second, third):
        each.__enter__()
    assert asked() == "321"
    second.__exit__(None, None, None)
    assert asked() == "31"
    third.__exit__(None, None, None)
    first.__exit__(None, None, None)
    assert asked() == ""
    assert not bench.gate.ruled


class OwnCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> "OwnCursor":
        super().execute(sql.replace("{table}", "t"), parameters)
        return self


class OwnConnection(sqlite3.Connection):
    def cursor(self, factory: Any = OwnCursor) -> Any:
        return super().cursor(factory)


def test_classes_of_the_app_stay_what_they_are(bench: StoreBench) -> None:
    """A factory that is a class makes its own instances, by name or by position, and what they ask goes through the gate."""
    with bench.watched() as seen:
        connection = bench.connect(factory=OwnConnection)
        assert isinstance(connection, OwnConnection)
        cursor = connection.cursor()
        assert isinstance(cursor, OwnCursor)
        assert cursor.execute("SELECT a FROM {table}").fetchall() == [("one",)]
        connection.row_factory = sqlite3.Row
        assert connection.cursor().execute("SELECT a FROM t").fetchone()["a"] == "one"
    assert kinds(seen) == ["open", "read", "read"]
    assert seen[1].statement == "SELECT a FROM t"
    made = bench.connect(factory=lambda path, **how: sqlite3.Connection(path, check_same_thread=False))
    assert type(made) is sqlite3.Connection


@pytest.mark.filterwarnings("ignore:Passing more than 1 positional:DeprecationWarning")
def test_a_factory_may_stand_among_the_positional_arguments(bench: StoreBench) -> None:
    """`connect` takes what `sqlite3.connect` takes, a factory by position too."""
    with closing(sqlite3.connect(bench.path, 5.0, 0, None, True, OwnConnection)) as connection:
        assert isinstance(connection, OwnConnection)
        with bench.watched() as seen:
            connection.execute("SELECT 1")
    assert kinds(seen) == ["read"]


async def test_connections_in_threads_go_through_it(bench: StoreBench) -> None:
    """A library that keeps a connection in a thread of its own, as aiosqlite does, is seen without knowing of it."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:
        connection = await loop.run_in_executor(thread, bench.connect)
        with bench.watched() as seen:
            await loop.run_in_executor(thread, connection.execute, "INSERT INTO t VALUES ('two')")
            await loop.run_in_executor(thread, connection.commit)
        with bench.gate.around(refused), pytest.raises(sqlite3.OperationalError, match="read"):
            await loop.run_in_executor(thread, connection.execute, "SELECT 1")
        await loop.run_in_executor(thread, connection.close)
    assert kinds(seen) == ["write", "commit"]


def test_a_connection_outlives_the_gate(bench: StoreBench) -> None:
    """A connection that was opened through the gate works on when the gate is gone."""
    connection = bench.connect()
    bench.gate.uninstall()
    with connection:
        connection.execute("INSERT INTO t VALUES ('two')")
    assert bench.stored() == ["one", "two"]
    with plain(bench.path) as other:
        assert type(other) is sqlite3.Connection


@pytest.mark.parametrize(
    ("database", "path"),
    [
        (":memory:", ":memory:"),
        ("", ":memory:"),
        ("file::memory:?cache=shared", ":memory:"),
        ("file:x?mode=memory", ":memory:"),
        ("file:/a/b%20c.db?mode=ro", "/a/b c.db"),
        (b"/a/b.db", "/a/b.db"),
        (Path("/a/../b.db"), "/b.db"),
        (3, ""),
    ],
)
def test_the_path_of_a_database_is_absolute(database: Any, path: str) -> None:
    """However a file is named, its operations carry the path at which a fault can find it."""
    assert path_of(database) == path


def test_a_gate_is_installed_again(bench: StoreBench) -> None:
    """A gate that was taken away can be put back, and another one may follow it."""
    bench.gate.uninstall()
    other = StoreGate()
    for gate in (bench.gate, other):
        gate.install()
        assert sqlite3.connect is not GENUINE
        gate.uninstall()
        assert sqlite3.connect is GENUINE

"""The inside of a process as faults of the store find it: a gate in the place of `sqlite3.connect`, and a list of firings."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.inside import Operation, StoreRule
from harness.window import Matching, Window
from harness.within.sqlite import StoreGate


@dataclass
class StoreBench:
    """A gate that is installed, a database file, and what faults noted; it stands in for `harness.inside.Inside`."""

    path: Path
    gate: StoreGate = field(default_factory=StoreGate)
    noted: list[str] = field(default_factory=list)
    sync_entry: str = ""
    loop: Any = None
    opened: ExitStack = field(default_factory=ExitStack)

    def fired(self, detail: str) -> None:
        self.noted.append(detail)

    def matching(self, window: Window) -> Matching:
        return Matching(window, random.Random(1))

    def around_store(self, rule: StoreRule) -> AbstractContextManager[None]:
        return self.gate.around(rule)

    def connect(self, **how: Any) -> sqlite3.Connection:
        """A connection as an app opens one; it is closed with the bench, whichever thread that is in."""
        connection = sqlite3.connect(self.path, check_same_thread=False, **how)
        self.opened.callback(connection.close)
        return connection

    def stored(self) -> list[Any]:
        """What is in the table `t`, asked past the gate."""
        with plain(self.path) as connection:
            return [value for (value,) in connection.execute("SELECT a FROM t ORDER BY a")]

    @contextmanager
    def watched(self) -> Iterator[list[Operation]]:
        """All operations of the block, each let through."""
        seen: list[Operation] = []

        def rule(operation: Operation, do: Callable[[], Any]) -> Any:
            seen.append(operation)
            return do()

        with self.gate.around(rule):
            yield seen


@contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection past the gate, which commits each statement by itself."""
    connection = sqlite3.Connection(str(path), isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def store_bench(folder: Path) -> Iterator[StoreBench]:
    """A bench with a table `t (a)` that holds the text "one", in a database in WAL mode."""
    bench = StoreBench(folder / "bench ?%20#.db")  # as no URI takes it
    with plain(bench.path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES ('one')")
    bench.gate.install()
    try:
        yield bench
    finally:
        bench.gate.uninstall()
        bench.opened.close()


def kinds(seen: list[Operation]) -> list[str]:
    """What the operations are, in their order."""
    return [operation.kind for operation in seen]


def refused(operation: Operation, do: Callable[[], Any]) -> Any:
    """A rule that lets nothing happen."""
    raise sqlite3.OperationalError(operation.kind)


def swallowed(operation: Operation, do: Callable[[], Any]) -> Any:
    """A rule that answers each commit without doing it."""
    return None if operation.kind == "commit" else do()


def in_thread(work: Callable[[], Any]) -> "asyncio.Future[Any]":
    """Work that is under way in a thread of its own, and the future of what comes of it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        try:
            result, error = work(), None
        except Exception as raised:  # noqa: BLE001  # whoever awaits the future gets it
            result, error = None, raised
        loop.call_soon_threadsafe(_settle, future, result, error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _settle(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)

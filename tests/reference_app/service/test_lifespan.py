"""The app's beginning and end: everything that was opened is closed, and a signal ends the admission at once."""

import asyncio
import io
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reference_app.admission import Admission, draining_from_signal
from reference_app.components import Components, Parts, make_lifespan
from reference_app.observability import Metrics, Observability
from reference_app.settings import Settings


class Closing:
    """Parts that note their end in `ended`; the one that is named in `fails` fails to open or to close."""

    def __init__(self, path: Path, *, fails: str = "") -> None:
        self.ended: list[str] = []
        self.fails = fails
        settings = Settings(provider_url="http://provider.invalid/v1", store_url=f"sqlite:///{path}/s.db")
        components = Components(settings=settings)
        self.parts = Parts(
            replace(
                components,
                observability=lambda parts: self._watched("log", components.observability(parts), "close"),
                bridge=lambda parts: self._watched("bridge", components.bridge(parts), "close"),
                client=lambda parts: self._watched("client", components.client(parts), "aclose"),
                store=lambda parts: self._opening(self._watched("store", components.store(parts), "close")),
            )
        )

    def _watched(self, name: str, part: Any, closing: str) -> Any:
        end = getattr(part, closing)

        def noted() -> Any:
            self.ended.append(name)
            result = end()
            return self._failing(result) if name == self.fails else result

        setattr(part, closing, noted)
        return part

    async def _failing(self, result: Any) -> None:
        await result
        raise OSError("no end")

    def _opening(self, store: Any) -> Any:
        if self.fails == "open":

            async def refuses() -> None:
                raise OSError("no beginning")

            store.open = refuses
        return store


async def test_the_end_closes_what_was_opened_the_last_first(tmp_path: Path) -> None:
    """Store, client, bridge and log are closed, each once, in this order."""
    closing = Closing(tmp_path)
    async with make_lifespan(closing.parts):
        assert closing.ended == []
    assert closing.ended == ["store", "client", "bridge", "log"]


async def test_a_store_that_fails_at_the_end_keeps_nothing_open(tmp_path: Path) -> None:
    """The failure is told to the server, after everything else was closed."""
    closing = Closing(tmp_path, fails="store")
    with pytest.raises(OSError, match="no end"):
        async with make_lifespan(closing.parts):
            pass
    assert closing.ended == ["store", "client", "bridge", "log"]


async def test_a_store_that_does_not_open_leaves_nothing_behind(tmp_path: Path) -> None:
    """An app that does not start closes what it had made, and touches no signal and no logger."""
    before = signal.getsignal(signal.SIGINT)
    closing = Closing(tmp_path, fails="open")
    with pytest.raises(OSError, match="no beginning"):
        async with make_lifespan(closing.parts):
            pass
    assert closing.ended == ["client", "bridge", "log"]
    assert signal.getsignal(signal.SIGINT) is before
    assert logging.getLogger("uvicorn.access").filters == []


@pytest.fixture
def signalled() -> Iterator[list[int]]:
    """A server's own handler of SIGTERM, which notes what reached it; put away again after the test."""
    noted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: noted.append(number))
    yield noted
    signal.signal(signal.SIGTERM, before)


async def test_a_signal_makes_the_app_unready_and_reaches_the_server(
    serve: Any, signalled: list[int]
) -> None:
    """From SIGTERM on `/ready` and new turns are 503, what is under way ends well, and the server's handler has run."""
    before = signal.getsignal(signal.SIGTERM)
    async with serve() as service:
        service.provider.held = asyncio.Event()
        late = asyncio.ensure_future(service.turn("one"))
        await service.provider.reached.wait()
        signal.raise_signal(signal.SIGTERM)
        refused = [await service.client.get("/ready"), await service.turn("two")]
        alive = await service.client.get("/health")
        service.provider.held.set()
        assert (await late).status_code == 200
    assert [answer.status_code for answer in refused] == [503, 503]
    assert (alive.status_code, signalled) == (200, [signal.SIGTERM])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_came_later_is_left_alone(signalled: list[int]) -> None:
    """Only our own handler is taken away at the end."""
    later: Callable[..., None] = lambda *_: None  # noqa: E731  # a handler of somebody else's
    with draining_from_signal(Admission(1, Metrics())):
        signal.signal(signal.SIGTERM, later)
    assert signal.getsignal(signal.SIGTERM) is later


def test_a_signal_that_python_does_not_handle_is_left_to_the_system() -> None:
    """Where SIGTERM simply ends the process it still does."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with draining_from_signal(Admission(1, Metrics())):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_another_thread_than_the_main_one_touches_no_signal() -> None:
    """Handlers belong to the main thread: an app that runs in another one goes without."""
    before = signal.getsignal(signal.SIGINT)
    found: list[Any] = []

    def run() -> None:
        with draining_from_signal(Admission(1, Metrics())):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]


async def test_the_servers_loggers_are_as_before_after_the_end(serve: Any) -> None:
    """Filters and streams that were put in are taken away again, and another's stream is not touched."""
    access = logging.getLogger("uvicorn.access")
    own, elsewhere = logging.StreamHandler(sys.stdout), logging.StreamHandler(io.StringIO())
    access.handlers += [own, elsewhere]
    kept = elsewhere.stream
    try:
        async with serve():
            assert own.stream is not sys.stdout
            assert elsewhere.stream is kept
            assert access.filters
    finally:
        access.handlers.clear()
    assert own.stream is sys.stdout
    assert (access.filters, logging.getLogger("uvicorn.error").filters) == ([], [])


def test_lines_of_others_follow_the_logs_own_where_both_go_to_one_place() -> None:
    """The log and what the server prints share a sink where the log goes to standard output, and only there."""
    shared, apart = Observability(Settings()), Observability(Settings(log_file="x.log"))
    assert shared.standard_output is shared._sink
    assert apart.standard_output is not apart._sink

"""The synchronous entry, called from everywhere; this file is the module that it is in."""

import asyncio
import contextvars
import gc
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest
from loop_bench import running, status

from harness.errors import UsageError
from harness.faults.loop_entry import LoopSyncEntry
from harness.faults.loop_reports import called_alike, nothing_reported
from harness.history import FaultFired, LogRecord
from harness.rig import Window

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


class Entry:
    """The entry of a service: notes where it is called, and does what the test wants."""

    def __init__(self) -> None:
        self.__module__ = "service.entry"
        self.calls: list[tuple[str, str, int, bool]] = []
        self.raises: BaseException | None = None
        self.gives: Any = "answer"

    def __call__(self, message: str) -> Any:
        try:
            asyncio.get_running_loop()
            has_loop = True
        except RuntimeError:
            has_loop = False
        self.calls.append((message, REQUEST.get(), threading.get_ident(), has_loop))
        if self.raises is not None:
            raise self.raises
        return self.gives


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Names its request in the context, as services do, and answers."""
    REQUEST.set(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    """An entry that can be imported as `service.entry:call`."""
    module: Any = types.ModuleType("service.entry")
    module.call = Entry()
    monkeypatch.setitem(sys.modules, "service.entry", module)
    return module.call


@pytest.mark.parametrize(
    ("via", "on_loops_thread", "has_loop"),
    [("loop", True, True), ("worker", False, False), ("thread", False, False), ("fresh_loop", False, True)],
)
def test_the_entry_is_called_from_there_in_the_requests_context(
    entry: Entry, via: str, on_loops_thread: bool, has_loop: bool
) -> None:
    """It gets the message on the right kind of thread, under the context of the request, which is answered as well."""
    with running(app, sync_entry="service.entry:call") as bench:
        loops = bench.run(ident())
        with LoopSyncEntry(via=via, message="Hello.").within(bench):
            assert status(bench.ask("/one")) == 200
        bench.ask("/two")
        message, request, thread, loop_there = entry.calls[0]
        assert (message, request, thread == loops, loop_there) == (
            "Hello.",
            "/one",
            on_loops_thread,
            has_loop,
        )
        assert len(entry.calls) == 1
        assert bench.noted == [f"service.entry:call called via {via} with the message Hello."]


async def ident() -> int:
    return threading.get_ident()


def test_garbage_is_collected_after_a_loop_of_its_own(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the call left on its loop, which is young, is collected once that is closed, before the request goes on."""
    seen: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda _generation: seen.append(len(entry.calls)))
    with (
        running(app, sync_entry="service.entry:call") as bench,
        LoopSyncEntry(via="fresh_loop").within(bench),
    ):
        bench.ask()
        bench.ask()
    assert seen == [1, 2]


def test_the_window_says_in_which_requests(entry: Entry) -> None:
    """Two of four requests are those of the window."""
    with running(app, sync_entry="service.entry:call") as bench:
        with LoopSyncEntry(window=Window(every_k=2)).within(bench):
            for number in range(4):
                bench.ask(f"/{number}")
        assert [call[1] for call in entry.calls] == ["/1", "/3"]


class Refusal(RuntimeError):
    """How the service refuses."""


Refusal.__module__ = "service.errors"


@pytest.mark.parametrize("via", ["loop", "worker", "thread", "fresh_loop"])
def test_a_refusal_of_the_service_is_no_news(
    entry: Entry, via: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception of the service's own package is an answer: the request goes on, and nothing is written."""
    entry.raises = Refusal("not here")
    with running(app, sync_entry="service.entry:call") as bench, LoopSyncEntry(via=via).within(bench):
        assert status(bench.ask()) == 200
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("via", ["loop", "worker", "thread", "fresh_loop"])
def test_any_other_error_is_written_whole(entry: Entry, via: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody meant to raise stands on standard error with its traceback and its text, and the request goes on."""
    entry.raises = RuntimeError("Event loop is closed")
    with running(app, sync_entry="service.entry:call") as bench, LoopSyncEntry(via=via).within(bench):
        assert status(bench.ask()) == 200
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        f"shakeout: sync entry service.entry:call via {via}",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "RuntimeError: Event loop is closed"


@pytest.mark.parametrize("cause", [None, RuntimeError("Event loop is closed")])
def test_a_later_call_that_comes_out_in_another_way_is_written(
    entry: Entry, cause: Exception | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal of the service's own after an answer, whatever it was raised for, is told; the next answer is not."""
    with (
        running(app, sync_entry="service.entry:call") as bench,
        LoopSyncEntry(via="fresh_loop").within(bench),
    ):
        bench.ask()
        assert capsys.readouterr().err == ""
        entry.raises = Refusal("not here")
        entry.raises.__cause__ = cause
        bench.ask()
        said = capsys.readouterr().err.splitlines()
        entry.raises = None
        bench.ask()
    gave = "Refusal for RuntimeError" if cause else "Refusal"
    assert said[0] == (
        f"shakeout, unlike the first: sync entry service.entry:call via fresh_loop gave {gave}, and at first an answer"
    )
    assert said[-1].endswith("Refusal: not here")
    assert capsys.readouterr().err == ""


def test_refusals_with_and_without_a_cause_are_two_kinds(
    entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal as at first is no news; one that hides another error is."""
    first, second = Refusal("not here"), Refusal("not here")
    second.__cause__ = RuntimeError("Event loop is closed")
    with running(app, sync_entry="service.entry:call") as bench, LoopSyncEntry().within(bench):
        for entry.raises in (first, first, second):
            bench.ask()
    assert capsys.readouterr().err.count("gave Refusal for RuntimeError, and at first Refusal\n") == 1


@pytest.mark.parametrize(("fault", "findings"), [("loop.sync_entry", 1), ("provider.refusal", 0)])
def test_calls_are_compared_where_nothing_else_is_wrong(made: Any, fault: str, findings: int) -> None:
    """Under another fault the entry may well refuse now and answer then."""
    line = LogRecord(source="stderr", line=1, text="shakeout, unlike the first: sync entry x gave Refusal")
    history = made.history(
        line, FaultFired(at_s=1, fault="loop.sync_entry#2"), FaultFired(at_s=2, fault=fault)
    )
    assert len(list(called_alike(history))) == findings
    assert list(nothing_reported(history)) == []


def test_an_answer_that_is_still_to_come_is_none(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry that gives something to await has not answered a caller that cannot."""
    with running(app, sync_entry="service.entry:call") as bench, LoopSyncEntry().within(bench):
        entry.gives = bench.loop.create_future()
        bench.ask()
    assert capsys.readouterr().err.endswith("via loop gave Future, which has no answer yet\n")


@pytest.mark.parametrize("name", ["service.entry:other", "no_such_service:call", ":call", "operator:add"])
def test_an_entry_that_is_not_there_is_the_profiles_mistake(entry: Entry, name: str) -> None:
    """The message names the entry and the key to mend, and the requests are as before."""
    with running(app, sync_entry=name) as bench:
        with pytest.raises(UsageError, match="mend sync_entry of the profile"):
            LoopSyncEntry().within(bench).__enter__()
        assert status(bench.ask()) == 200


def test_a_way_that_does_not_exist_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(UsageError, match=r"^via='route': must be one of 'loop', 'worker'"):
        LoopSyncEntry(via="route")

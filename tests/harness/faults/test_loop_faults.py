"""The faults of the loop: what they do to a loop in a thread of its own, and that all is as before at the end."""

import asyncio
import threading
import time
from typing import Any

import pytest
from loop_bench import answering, running, status

from harness.errors import UsageError
from harness.faults.loop import LoopBlocked, LoopCancel, LoopReorder
from harness.faults.loop_base import InsideFault
from harness.rig import Rig, Window


async def nothing() -> None:
    """Work without an await."""


async def waits() -> None:
    """Three awaits that really wait, and one that does not."""
    await asyncio.sleep(0)
    await nothing()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_blocked_loop_stands_still_at_the_arming(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's own thread sleeps once, for as long as it was told, and that is over when the fault is."""
    slept: list[tuple[float, str]] = []
    with running(answering(nothing)) as bench:
        name = bench.run(_thread())
        monkeypatch.setattr(time, "sleep", lambda s: slept.append((s, threading.current_thread().name)))
        with LoopBlocked(for_s=0.125).within(bench):
            pass
        assert slept == [(0.125, name)]
        assert status(bench.ask()) == 200
        assert len(slept) == len(bench.noted) == 1


def test_a_loop_is_blocked_within_the_requests_of_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """With on="request" nothing sleeps at the arming, then every second request, and none after the end."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with running(answering(nothing)) as bench:
        with LoopBlocked(on="request", window=Window(every_k=2)).within(bench):
            assert not slept
            assert [status(bench.ask()) for _ in range(4)] == [200] * 4
        bench.ask()
        assert slept == [0.2, 0.2]
        assert len(bench.noted) == 2


async def _thread() -> str:
    return threading.current_thread().name


def test_request_after_request_is_cancelled_one_await_later() -> None:
    """By default the k-th request is cancelled at its k-th await; one with fewer awaits is answered, and nothing fires."""
    reached: list[int] = []

    async def work() -> None:
        for number in range(2):
            reached.append(number)
            await asyncio.sleep(0)

    with running(answering(work)) as bench:
        with LoopCancel().within(bench):
            assert [status(bench.ask()) for _ in range(3)] == [503, 503, 200]
        assert reached == [0, 0, 1, 0, 1]
        assert bench.noted == ["cancelled, after 1 awaits", "cancelled, after 2 awaits"]
        assert status(bench.ask()) == 200


def test_only_awaits_that_wait_are_counted() -> None:
    """The third await that really waits is the third, though there was another between."""
    with running(answering(waits)) as bench, LoopCancel(at=3).within(bench):
        assert status(bench.ask()) == 503
        assert bench.noted == ["cancelled, after 3 awaits"]


def test_a_request_is_cancelled_after_a_time() -> None:
    """With `after_s` a request that would wait for ever is cancelled; one that has ended by then is not."""
    with running(answering(asyncio.Event().wait)) as bench, LoopCancel(after_s=0.001).within(bench):
        assert bench.ask()[1]["body"] == b"Service Unavailable"
        assert len(bench.noted) == 1
    with running(answering(nothing)) as bench, LoopCancel(after_s=3600).within(bench):
        assert status(bench.ask()) == 200
        assert not bench.noted


@pytest.mark.parametrize(("repeat", "steps"), [(False, ["begun", "cleaned"]), (True, ["begun"])])
def test_the_cleanup_is_cancelled_as_well(repeat: bool, steps: list[str]) -> None:
    """With `repeat` the first await of the cleanup is the end of it; without, the cleanup is whole."""
    seen: list[str] = []

    async def work() -> None:
        try:
            seen.append("begun")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned")

    with running(answering(work)) as bench, LoopCancel(at=1, repeat=repeat).within(bench):
        assert status(bench.ask()) == 503
        assert seen == steps
        assert len(bench.noted) == 1 + repeat


def test_who_answers_though_cancelled_has_answered() -> None:
    """An app that answers 503 and lets the cancellation go on is heard; the request's task ends without a trace of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"sorry"})
            raise

    with running(app) as bench, LoopCancel(at=1).within(bench):
        assert [message.get("body") for message in bench.ask()] == [None, b"sorry"]


def test_an_answer_that_had_begun_breaks_off() -> None:
    """Where the answer is not whole the server is told, by the cancellation, as without a harness."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    with running(app) as bench, LoopCancel(at=1).within(bench):
        assert isinstance(bench.run(_ended(bench)), asyncio.CancelledError)


async def _ended(bench: Any) -> BaseException | None:
    """What a request ends with, in a task of its own."""
    return (await asyncio.gather(asyncio.ensure_future(bench.asked()), return_exceptions=True))[0]


def test_a_cancellation_of_somebody_else_goes_on() -> None:
    """A task that the server cancels stays cancelled, though the fault was there to cancel it later."""

    async def gone() -> BaseException | None:
        request = asyncio.ensure_future(bench.asked())
        await asyncio.sleep(0)
        request.cancel()
        return (await asyncio.gather(request, return_exceptions=True))[0]

    with running(answering(asyncio.Event().wait)) as bench, LoopCancel(at=2).within(bench):
        assert isinstance(bench.run(gone()), asyncio.CancelledError)
        assert not bench.noted


def test_two_cancellations_are_not_one() -> None:
    """Where the server cancels what the fault has cancelled already, the server is told that it ended by that."""
    cleaning = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    async def gone() -> BaseException | None:
        request = asyncio.ensure_future(bench.asked())
        await cleaning.wait()
        request.cancel()
        return (await asyncio.gather(request, return_exceptions=True))[0]

    with running(answering(work)) as bench, LoopCancel(at=1).within(bench):
        assert isinstance(bench.run(gone()), asyncio.CancelledError)
        assert len(bench.noted) == 1


def test_a_cancellation_without_one_who_cancels_goes_on() -> None:
    """An app that raises CancelledError by itself, before its time has come, is not answered for."""

    async def work() -> None:
        raise asyncio.CancelledError

    with running(answering(work)) as bench, LoopCancel(at=1).within(bench):
        assert isinstance(bench.run(_ended(bench)), asyncio.CancelledError)
        assert not bench.noted


def test_a_timer_ends_with_its_request() -> None:
    """What the server does in the task after the request is not cancelled, though the time comes then."""

    async def keeps_on() -> None:
        await bench.asked()
        for _ in range(3):
            await asyncio.sleep(0)

    with running(answering(nothing)) as bench, LoopCancel(after_s=0).within(bench):
        bench.run(keeps_on())
        assert not bench.noted


def test_what_an_app_raises_is_its_own() -> None:
    """An exception of the app passes the fault unchanged, from before an await or behind it."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError("mine")

    with (
        running(answering(work)) as bench,
        LoopCancel(at=5).within(bench),
        pytest.raises(LookupError, match="mine"),
    ):
        bench.ask()


@pytest.mark.parametrize("first", [0, 1])
def test_two_faults_around_requests_mend_in_either_order(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelling and a blocking fault leave in any order, and neither takes the other along."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with running(answering(waits)) as bench:
        both = [LoopCancel(at=1).within(bench), LoopBlocked(on="request").within(bench)]
        for one in both:
            one.__enter__()
        assert (status(bench.ask()), len(slept)) == (503, 1)
        both[first].__exit__(None, None, None)
        assert (status(bench.ask()), len(slept)) == ((200, 2) if first == 0 else (503, 1))
        both[1 - first].__exit__(None, None, None)
        assert (status(bench.ask()), len(slept)) == (200, 2 - first)


def test_a_reordered_loop_is_reordered_as_long_as_the_fault_is_there() -> None:
    """The fault is exactly the seam's own context; who reorders knows whether it made a difference."""
    seen: list[str] = []

    class Inside:
        def reordered(self) -> Any:
            return self

        def __enter__(self) -> None:
            seen.append("in")

        def __exit__(self, *_exception: object) -> None:
            seen.append("out")

    inside: Any = Inside()
    with LoopReorder().within(inside):
        assert seen == ["in"]
    assert seen == ["in", "out"]


@pytest.mark.parametrize(
    ("make", "knob"),
    [
        (lambda: LoopBlocked(for_s=0), "for_s"),
        (lambda: LoopBlocked(on="monday"), "on"),
        (lambda: LoopCancel(at=0), "at"),
        (lambda: LoopCancel(after_s=-1), "after_s"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(make: Any, knob: str) -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=f"^{knob}="):
        make()


async def test_without_a_way_in_the_user_is_told(bench: Any) -> None:
    """A rig whose target is no child of the harness refuses, and says what to do."""
    rig: Rig = bench.rig
    fault: InsideFault = LoopBlocked()
    with pytest.raises(UsageError, match=r"loop\.blocked works within the target's process; name its app"):
        fault.inject(rig)

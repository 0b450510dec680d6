"""The outermost wrapper: one truthful completion record a request, whatever the app or the client does."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def test_the_record_says_what_was_sent(wrap: Any, wire: Any) -> None:
    """A finished answer is recorded with its fields in the order of the contract, under the request's id."""
    wrapped = wrap(answers)
    request = wire(headers=((b"x-request-id", b"mine"),))
    await wrapped.app(request.scope, request.receive, request.send)
    (record,) = wrapped.records("api_request_complete")
    assert list(record) == [
        "event",
        "level",
        "logger",
        "status_code",
        "success",
        "complete",
        "outcome",
        "method",
        "route",
        "session",
        "execution_time_seconds",
        "fallbacks",
        "request_id",
        "timestamp",
    ]
    assert wrapped.ending == (200, True, True, "ok")
    assert (record["logger"], record["request_id"]) == ("universal_framework.safe_mode", "mine")
    assert (b"x-request-id", b"mine") in request.sent[0]["headers"]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"x-request-id", b""),),
        ((b"x-request-id", b"two words"),),
        ((b"x-request-id", b"line\nbreak"),),
        ((b"x-request-id", b"x" * 129),),
        ((b"x-request-id", "\N{SNOWMAN}".encode()),),
        ((b"x-request-id", b"one"), (b"x-request-id", b"two")),
    ],
    ids=["none", "empty", "blank", "newline", "long", "unicode", "repeated"],
)
async def test_an_id_that_is_no_token_is_replaced(wrap: Any, wire: Any, headers: Any) -> None:
    """Anything but one plain token is replaced by a new id, the same on the wire and in the log."""
    wrapped = wrap(answers)
    request = wire(headers=headers)
    await wrapped.app(request.scope, request.receive, request.send)
    (record,) = wrapped.records("api_request_complete")
    sent = dict(request.sent[0]["headers"])[b"x-request-id"].decode()
    assert record["request_id"] == sent
    assert sent not in {value.decode() for _, value in headers}
    assert sent.replace("-", "").isalnum()


async def test_an_unhandled_exception_is_logged_answered_once_and_ends_here(wrap: Any, wire: Any) -> None:
    """A bug is one `unhandled_exception` with its traceback and one problem 500; the server sees no exception."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the bug")

    wrapped = wrap(fails)
    request = wire()
    await wrapped.app(request.scope, request.receive, request.send)
    (error,) = wrapped.records("unhandled_exception")
    assert wrapped.ending == (500, False, True, "error")
    assert error["level"] == "error"
    assert "in fails" in error["traceback"]
    assert "RuntimeError: the bug" in error["traceback"]
    assert json.loads(request.body)["request_id"] == error["request_id"]
    assert [m["type"] for m in request.sent] == ["http.response.start", "http.response.body"]


async def test_an_exception_in_mid_stream_is_a_200_that_is_not_complete(wrap: Any, wire: Any) -> None:
    """What was begun keeps its status, but is neither complete nor a success, and nothing is sent after the cut."""

    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("cut")

    wrapped = wrap(cut)
    request = wire()
    await wrapped.app(request.scope, request.receive, request.send)
    assert wrapped.ending == (200, False, False, "error")
    assert request.body == b"half"
    assert len(wrapped.records("unhandled_exception")) == 1


async def test_an_app_that_returns_without_an_answer_is_a_500(wrap: Any, wire: Any) -> None:
    """Silence is a bug too: the client gets a 500, and the log says why."""

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    wrapped = wrap(silent)
    request = wire()
    await wrapped.app(request.scope, request.receive, request.send)
    assert (request.status, wrapped.ending) == (500, (500, False, True, "error"))
    assert "NoResponse" in wrapped.records("unhandled_exception")[0]["traceback"]


async def test_a_client_that_leaves_ends_the_work(wrap: Any, wire: Any) -> None:
    """The handler is cancelled, the record says 499 and not complete, and the server's task is not cancelled."""
    working, ended = asyncio.Event(), asyncio.Event()

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    wrapped = wrap(works)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    request.left.set()
    await serving
    assert ended.is_set()
    assert serving.cancelling() == 0
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert request.sent == []
    assert wrapped.records("unhandled_exception") == []


async def test_what_is_sent_after_the_client_has_left_does_not_count(wrap: Any, wire: Any) -> None:
    """A handler that resists its cancellation and answers all the same is still recorded as 499."""
    working = asyncio.Event()

    async def resists(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await answers(scope, receive, send)

    wrapped = wrap(resists)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    request.left.set()
    await serving
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert request.sent == []


async def test_a_client_that_leaves_in_mid_answer_is_a_499(wrap: Any, wire: Any) -> None:
    """A 200 that was begun and that nobody heard to its end is recorded as a client that left."""
    streaming = asyncio.Event()

    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        streaming.set()
        await asyncio.Event().wait()

    wrapped = wrap(streams)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await streaming.wait()
    request.left.set()
    await serving
    assert request.status == 200
    assert wrapped.ending == (499, False, False, "client_disconnect")


async def test_a_client_that_is_gone_before_its_body_is_read_is_a_499(wrap: Any, wire: Any) -> None:
    """A body that never ends because the client left reaches no handler."""
    wrapped = wrap(answers)
    request = wire(body=[b"half", b"rest"])
    request.parts.pop()
    request.left.set()
    await wrapped.app(request.scope, request.receive, request.send)
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert request.sent == []


async def test_a_handler_hears_of_the_leaving_too(wrap: Any, wire: Any) -> None:
    """An app that asks for more after the body is told that the client has left, not left waiting."""
    asked = asyncio.Event()
    heard: list[str] = []

    async def listens(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            heard.append((await waiting)["type"])

    wrapped = wrap(listens)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await asked.wait()
    request.left.set()
    await serving
    assert heard == ["http.disconnect"]


async def test_a_bug_in_the_clean_up_after_a_client_has_left_is_logged_too(wrap: Any, wire: Any) -> None:
    """The record is a 499, for that is what the client saw, but the bug does not go unseen."""
    working = asyncio.Event()

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("clean-up")

    wrapped = wrap(breaks)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    request.left.set()
    await serving
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert len(wrapped.records("unhandled_exception")) == 1
    assert serving.cancelling() == 0


async def test_a_server_that_cancels_while_the_client_leaves_is_obeyed(wrap: Any, wire: Any) -> None:
    """Of two cancellations at once only our own ends in the wrapper."""
    working, ending = asyncio.Event(), asyncio.Event()

    async def lingers(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.Event().wait()

    wrapped = wrap(lingers)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    request.left.set()
    await ending.wait()
    serving.cancel()
    await asyncio.wait([serving])
    assert serving.cancelled()
    assert wrapped.ending == (499, False, False, "client_disconnect")


async def test_an_end_that_a_task_of_the_app_sends_after_the_leaving_is_none(wrap: Any, wire: Any) -> None:
    """The last part was waiting for room when the client left: who waits in a task of its own ends it all the same."""
    request = wire()
    sending = asyncio.Event()

    async def full(message: Any) -> None:
        request.sent.append(message)
        if message["type"] == "http.response.body":
            sending.set()
            await request.left.wait()

    async def in_a_task(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(answers(scope, receive, send))

    wrapped = wrap(in_a_task)
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, full))
    await sending.wait()
    request.left.set()
    await serving
    assert wrapped.ending == (499, False, False, "client_disconnect")

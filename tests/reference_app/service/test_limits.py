"""What the outermost wrapper refuses: bodies that are too large, load, and requests while it shuts down."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from reference_app.context import current

HANG_S = 30.0


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def test_a_body_over_the_limit_is_counted_and_refused(wrap: Any, wire: Any) -> None:
    """The bytes are counted, whatever the length header says, and the handler never sees them."""
    wrapped = wrap(answers, body_bytes_max=10)
    request = wire(body=[b"123456", b"78901"], headers=((b"content-length", b"3"),))
    await wrapped.app(request.scope, request.receive, request.send)
    assert (request.status, wrapped.ending) == (413, (413, False, True, "client_error"))
    assert json.loads(request.body)["status"] == 413


async def test_a_body_at_the_limit_arrives_whole(wrap: Any, wire: Any) -> None:
    """A body in parts reaches the handler as one, up to the last byte that is allowed."""
    seen: list[bytes] = []

    async def keeps(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    wrapped = wrap(keeps, body_bytes_max=10)
    request = wire(body=[b"12345", b"67890"])
    await wrapped.app(request.scope, request.receive, request.send)
    assert seen == [b"1234567890"]
    assert wrapped.ending == (204, True, True, "ok")


async def test_load_over_the_limit_is_shed_but_probes_are_not(wrap: Any, wire: Any) -> None:
    """With all places taken a request gets 503 with Retry-After and is recorded as shed; /health still answers."""
    release, working = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/health":
            working.set()
            await release.wait()
        await answers(scope, receive, send)

    wrapped = wrap(waits, in_flight_max=1)
    first, second, probe = wire(), wire(), wire("/health", method="GET")
    serving = asyncio.ensure_future(wrapped.app(first.scope, first.receive, first.send))
    await working.wait()
    await wrapped.app(second.scope, second.receive, second.send)
    assert (second.status, wrapped.ending) == (503, (503, False, True, "shed"))
    assert dict(second.sent[0]["headers"])[b"retry-after"] == b"1"
    await wrapped.app(probe.scope, probe.receive, probe.send)
    assert probe.status == 200
    release.set()
    await serving
    assert first.status == 200
    assert wrapped.admission.enter()


async def test_a_service_that_drains_takes_no_more_and_waits_for_the_rest(wrap: Any, wire: Any) -> None:
    """Draining ends when the last request has, and a request that comes meanwhile is shed."""
    release, working = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        await release.wait()
        await answers(scope, receive, send)

    wrapped = wrap(waits)
    first, late = wire(), wire()
    serving = asyncio.ensure_future(wrapped.app(first.scope, first.receive, first.send))
    await working.wait()
    draining = asyncio.ensure_future(wrapped.admission.drain(timeout_s=30.0))
    await asyncio.sleep(0)
    await wrapped.app(late.scope, late.receive, late.send)
    assert late.status == 503
    assert not draining.done()
    release.set()
    await draining
    await serving
    assert first.status == 200


async def test_draining_gives_up_in_time(wrap: Any) -> None:
    """A request that does not end does not keep the service from ending."""
    admission = wrap(answers).admission
    assert admission.enter()
    await admission.drain(timeout_s=0.01)
    assert not admission.enter()


async def test_a_server_that_cancels_is_obeyed_after_an_answer(wrap: Any, wire: Any) -> None:
    """Cancelled by the server, the request gets a 503 that is recorded, and the cancellation goes on to the server."""
    working = asyncio.Event()

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        await asyncio.Event().wait()

    wrapped = wrap(works)
    request = wire()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert (request.status, wrapped.ending) == (503, (503, False, True, "shed"))


async def test_the_deadline_begins_at_the_entry(wrap: Any, wire: Any) -> None:
    """The handler finds its request in the context, with the deadline that the settings give from the entry on."""
    found: list[tuple[str, float]] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        context = current()
        found.append((context.request_id, context.deadline - context.started))
        await answers(scope, receive, send)

    wrapped = wrap(looks, deadline_s=1.8)
    request = wire(headers=((b"x-request-id", b"mine"),))
    await wrapped.app(request.scope, request.receive, request.send)
    assert found == [("mine", pytest.approx(1.8))]
    with pytest.raises(LookupError, match="outermost wrapper"):
        current()


async def test_a_body_that_does_not_come_is_refused_at_the_deadline(wrap: Any, wire: Any) -> None:
    """The answer is a 422 that names the body and ends the connection; the handler is not called."""
    called: list[Scope] = []

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    wrapped = wrap(never, deadline_s=0.1)
    request = wire(body=[b"half", b"rest"])
    request.parts.pop()
    async with asyncio.timeout(HANG_S):
        await wrapped.app(request.scope, request.receive, request.send)
    assert wrapped.ending == (422, False, True, "client_error")
    assert json.loads(request.body)["errors"] == [{"field": "body", "reason": "too_slow"}]
    assert dict(request.sent[0]["headers"])[b"connection"] == b"close"
    assert called == []


async def test_a_request_whose_body_is_still_coming_takes_a_place(wrap: Any, wire: Any) -> None:
    """Bodies that stay half sent are bounded like all work: the next request is shed, and gets in when one has left."""
    wrapped = wrap(answers, in_flight_max=1)
    slow, second, third = wire(body=[b"half", b"rest"]), wire(), wire()
    slow.parts.pop()
    serving = asyncio.ensure_future(wrapped.app(slow.scope, slow.receive, slow.send))
    await asyncio.sleep(0)
    await wrapped.app(second.scope, second.receive, second.send)
    slow.left.set()
    await serving
    await wrapped.app(third.scope, third.receive, third.send)
    assert [second.status, slow.status, third.status] == [503, None, 200]


async def test_what_no_router_saw_is_counted_by_its_template_too(serve: Any) -> None:
    """Refusals of key, quota, size and load carry the route's template in record and metric, and no path of their own."""
    keys = {"authorization": "Bearer key"}
    async with serve(api_keys=("key",), quota_per_minute=1, body_bytes_max=100) as service:
        answers = [
            await service.client.get("/sessions/abc"),
            await service.client.post("/workflow/execute", content=b"x" * 101),
            await service.client.get("/nowhere"),
            await service.client.get("/sessions/abc", headers=keys),
            await service.client.delete("/sessions/abc", headers=keys),
        ]
        metrics = (await service.client.get("/metrics")).text
    records = service.records("api_request_complete")[:-1]
    assert [answer.status_code for answer in answers] == [401, 413, 401, 404, 429]
    assert [record["route"] for record in records] == [
        "/sessions/{session_id}",
        "/workflow/execute",
        "unmatched",
        "/sessions/{session_id}",
        "/sessions/{session_id}",
    ]
    line = 'app_responses_total{outcome="client_error",route="/sessions/{session_id}",status="429"} 1.0'
    assert line in metrics


async def test_a_server_that_cancels_while_the_body_comes_is_obeyed_after_an_answer(
    wrap: Any, wire: Any
) -> None:
    """A request that is cancelled before its handler began has its 503 and its record as well."""
    wrapped = wrap(answers)
    request = wire(body=[b"half", b"rest"])
    request.parts.pop()
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert (request.status, wrapped.ending) == (503, (503, False, True, "shed"))


async def test_a_server_that_fails_to_read_is_a_bug_like_any_other(wrap: Any, wire: Any) -> None:
    """What `receive` raises is logged and answered here, so that the record agrees with the wire."""

    async def broken() -> Any:
        raise RuntimeError("no body")

    wrapped = wrap(answers)
    request = wire()
    await wrapped.app(request.scope, broken, request.send)
    assert (request.status, wrapped.ending) == (500, (500, False, True, "error"))
    assert len(wrapped.records("unhandled_exception")) == 1


async def test_a_client_that_leaves_a_probe_is_a_499_too(wrap: Any, wire: Any) -> None:
    """The paths that are never shed are watched as all others are."""
    working = asyncio.Event()

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        working.set()
        await asyncio.Event().wait()

    wrapped = wrap(works)
    request = wire("/ready", method="GET")
    serving = asyncio.ensure_future(wrapped.app(request.scope, request.receive, request.send))
    await working.wait()
    request.left.set()
    async with asyncio.timeout(HANG_S):
        await serving
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert request.sent == []

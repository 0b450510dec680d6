"""The status in the log is the status on the wire, over the whole app, for good and bad and impossible requests."""

import asyncio
from typing import Any

import httpx

from reference_app.components import Parts, make_workflow
from reference_app.workflow import Workflow


class Failing(Workflow):
    """A workflow with a bug: some messages kill it."""

    async def execute(self, request: Any, key: str | None) -> bytes:
        if request.message.startswith("boom"):
            raise ValueError(f"cannot work on {request.message}")
        return await super().execute(request, key)


def failing(parts: Parts) -> Workflow:
    """The workflow with the bug, made like the good one."""
    good = make_workflow(parts)
    bad = Failing.__new__(Failing)
    bad.__dict__.update(good.__dict__)
    return bad


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/workflow/execute", {"json": {"message": "hello"}}),
    ("POST", "/workflow/execute", {"json": {"message": "boom, a secret"}}),
    ("POST", "/workflow/execute", {"json": {"message": ""}}),
    ("POST", "/workflow/execute", {"json": {"message": "hi", "session_id": "nobody"}}),
    ("POST", "/workflow/execute", {"content": b"x" * 70_000}),
    ("POST", "/workflow/execute", {"content": b"\xff\x00"}),
    ("POST", "/workflow/execute", {"json": {"message": "hi"}, "headers": {"idempotency-key": "\x7f"}}),
    ("POST", "/intent/classify", {"json": {"message": ""}}),
    ("POST", "/intent/classify", {"json": {}}),
    ("GET", "/sessions/nobody", {}),
    ("DELETE", "/sessions/nobody", {}),
    ("PUT", "/sessions/nobody", {}),
    ("GET", "/nowhere", {}),
    ("HEAD", "/health", {}),
    ("GET", "/health", {}),
    ("GET", "/ready", {}),
    ("GET", "/metrics", {}),
    ("GET", "/openapi.json", {}),
]


async def test_every_status_in_the_log_is_the_one_on_the_wire(serve: Any) -> None:
    """Each request has one completion record, with its status, and success exactly below 400."""
    async with serve(factories={"workflow": failing}) as service:
        answers: list[httpx.Response] = [
            await service.client.request(method, path, **more) for method, path, more in REQUESTS
        ]
    sent = [(answer.headers["x-request-id"], answer.status_code) for answer in answers]
    records = service.records("api_request_complete")
    assert [(record["request_id"], record["status_code"]) for record in records] == sent
    assert [record["success"] for record in records] == [status < 400 for _, status in sent]
    assert all(record["complete"] for record in records)
    statuses = [status for _, status in sent]
    assert statuses == [
        200,
        500,
        422,
        404,
        413,
        422,
        422,
        200,
        422,
        404,
        404,
        405,
        404,
        405,
        200,
        200,
        200,
        200,
    ]
    for answer in answers:
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_bug_is_logged_once_with_its_place_and_without_the_text_that_it_quotes(serve: Any) -> None:
    """The framework sends a 500 and raises again; the log has one traceback, which does not repeat the message."""
    async with serve(factories={"workflow": failing}) as service:
        answer = await service.turn("boom, my secret")
    (error,) = service.records("unhandled_exception")
    assert answer.json()["status"] == 500
    assert "secret" not in answer.text
    assert "in execute" in error["traceback"]
    assert "ValueError: (text withheld)" in error["traceback"]
    assert "secret" not in "".join(service.lines())
    assert service.completions() == [(500, False, True, "error")]


async def test_a_provider_that_fails_is_a_degraded_200(serve: Any) -> None:
    """A fault of the provider is never a 5xx: the lowest level answers, and answer and record name what fell through."""
    async with serve() as service:
        service.provider.status = 500
        answer = await service.turn("hello")
    body = answer.json()
    (record,) = service.records("api_request_complete")
    assert (answer.status_code, body["method"], body["degraded"]) == (200, "pattern", True)
    assert [(f["level"], f["reason"]) for f in body["fallbacks"]] == [
        ("conversation_aware", "provider_error"),
        ("structured_llm", "provider_error"),
    ]
    assert record["outcome"] == "degraded"
    assert record["fallbacks"] == ["conversation_aware:provider_error", "structured_llm:provider_error"]


async def test_no_secret_is_in_any_record(serve: Any) -> None:
    """No word of a message, no key and no session id stands in the log, only the short hash of the session."""
    keys = ("key-canary-one", "key-canary-two")
    async with serve(api_keys=keys) as service:
        headers = {"authorization": f"Bearer {keys[0]}", "idempotency-key": "idempotency-canary"}
        session = (await service.turn("message-canary one", **headers)).json()["session_id"]
        await service.turn("message-canary one", **headers)
        await service.turn("message-canary two", session, authorization=f"Bearer {keys[0]}")
        await service.turn("message-canary three", session, authorization="Bearer wrong-canary")
        await service.client.get(f"/sessions/{session}", headers={"authorization": f"Bearer {keys[0]}"})
        await service.client.get("/path-canary?query-canary", headers={"authorization": f"Bearer {keys[0]}"})
    text = "".join(service.lines())
    assert "canary" not in text
    assert session not in text
    assert "Like this." not in text
    hashes = {record["session"] for record in service.records("conversation_context_built")}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 12


async def test_requests_that_overlap_log_under_their_own_ids(serve: Any) -> None:
    """Twenty turns at once: each record of a turn carries the id and the session of that turn."""
    async with serve() as service:
        answers = await asyncio.gather(
            *(service.turn("hello", **{"x-request-id": f"id-{number}"}) for number in range(20))
        )
    assert {answer.headers["x-request-id"] for answer in answers} == {f"id-{n}" for n in range(20)}
    seen: dict[str, set[str]] = {}
    for record in service.records():
        if record.get("session"):
            seen.setdefault(record["request_id"], set()).add(record["session"])
    assert len(seen) == 20
    assert all(len(sessions) == 1 for sessions in seen.values())
    assert len(set.union(*seen.values())) == 20

"""Every route and status of the contract, over the whole app."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

import pytest

HANG_S = 10.0

FIELDS = [
    "session_id",
    "turn",
    "response",
    "intent",
    "confidence",
    "method",
    "degraded",
    "fallbacks",
    "workflow_phase",
    "success",
    "request_id",
    "execution_time_seconds",
]


async def test_a_turn_is_answered_with_every_field_of_the_contract(serve: Any) -> None:
    """The 200 of a turn holds the fields of the contract in order, and the answer of the primary level."""
    async with serve() as service:
        answer = await service.turn("  Hi! How can you help me?  ")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == FIELDS
    assert (body["turn"], body["method"], body["degraded"], body["success"]) == (
        1,
        "conversation_aware",
        False,
        True,
    )
    assert body["response"] == "Like this."
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_a_session_is_read_as_it_was_held(serve: Any) -> None:
    """GET gives every turn in order, with the request ids of their answers; the messages are stripped."""
    async with serve() as service:
        first = (await service.turn(" one ")).json()
        second = (await service.turn("two", first["session_id"])).json()
        read = await service.client.get(f"/sessions/{first['session_id']}")
    body = read.json()
    assert read.status_code == 200
    assert [(t["turn"], t["message"], t["response"], t["request_id"]) for t in body["turns"]] == [
        (1, "one", "Like this.", first["request_id"]),
        (2, "two", "Like this.", second["request_id"]),
    ]
    assert body["session_id"] == first["session_id"]
    assert body["created_at"] <= body["updated_at"]


async def test_a_forgotten_session_is_unknown(serve: Any) -> None:
    """DELETE answers 204 once, and from then on the session is a 404 for every route, never silently a new one."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        statuses = [
            (await service.client.delete(f"/sessions/{session}")).status_code,
            (await service.client.delete(f"/sessions/{session}")).status_code,
            (await service.client.get(f"/sessions/{session}")).status_code,
            (await service.turn("two", session)).status_code,
        ]
    assert statuses == [204, 404, 404, 404]
    assert len(service.records("intent_classification_success")) == 1


async def test_classification_runs_the_facade_in_a_worker_with_the_request_in_hand(serve: Any) -> None:
    """The `def` route is answered by the primary level, its log carries the request's id, and nothing is kept."""
    async with serve() as service:
        answer = await service.client.post(
            "/intent/classify", json={"message": "Hi!"}, headers={"x-request-id": "mine"}
        )
    assert answer.status_code == 200
    assert answer.json()["method"] == "conversation_aware"
    assert answer.json()["request_id"] == "mine"
    records = service.records("intent_classification_success")
    assert [record["request_id"] for record in records] == ["mine"]
    assert service.records("new_session_initialized") == []


async def test_the_probes_answer(serve: Any) -> None:
    """A service in order is alive and ready, and its metrics count by route template."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        await service.client.get(f"/sessions/{session}")
        assert (await service.client.get("/health")).json() == {"status": "alive"}
        assert (await service.client.get("/ready")).json() == {"status": "ready"}
        text = (await service.client.get("/metrics")).text
    assert 'app_responses_total{outcome="ok",route="/workflow/execute",status="200"} 1.0' in text
    assert 'app_responses_total{outcome="ok",route="/sessions/{session_id}",status="200"} 1.0' in text
    assert 'app_classifications_total{method="conversation_aware"} 1.0' in text
    assert session not in text


BAD_BODIES = [
    b"",
    b"nonsense",
    b"[]",
    b'{"message": ""}',
    b'{"message": "   "}',
    b'{"message": 7}',
    b'{"message": "\\ud800"}',
    b'{"message": "\xff"}',
    b'{"message": "hi", "workflow_type": "other"}',
    b'{"message": "hi", "context": []}',
    b'{"message": "hi", "invented-by-the-client": 1}',
    b'{"message": "hi", "session_id": ""}',
    b'{"message": NaN}',
    b'{"message": "hi", "context": NaN}',
    b'{"message": "hi", "context": {"a": NaN}}',
    b'{"message": "hi", "context": {"a": [{"b": -Infinity}]}}',
    b'{"message": "hi", "context": {"a": 1e999}}',
    b'{"message": "hi", "context": {"a": "\\ud800"}}',
    json.dumps({"message": "x" * 10_001}).encode(),
    json.dumps({"message": "hi", "context": {"x": "y" * 17_000}}).encode(),
    b'{"message": "hi", "context": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"}",
]


@pytest.mark.parametrize(
    ("context", "reason"), [({"a": float("nan")}, "finite_number"), ({"a": "y" * 17_000}, "too_long")]
)
async def test_a_bad_context_is_told_its_reason(serve: Any, context: Any, reason: str) -> None:
    """The problem names the field and a word for what is wrong with it."""
    async with serve() as service:
        body = json.dumps({"message": "hi", "context": context})
        answer = await service.client.post("/workflow/execute", content=body)
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "context", "reason": reason}])


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_a_bad_body_is_a_problem_that_quotes_nothing(serve: Any, body: bytes) -> None:
    """Whatever is wrong with a body, the answer is a 422 problem with the request's id and no word of the body."""
    async with serve() as service:
        answer = await service.client.post("/workflow/execute", content=body, headers={"x-request-id": "r1"})
        classified = await service.client.post("/intent/classify", content=b'{"message": null}')
    problem = answer.json()
    assert answer.status_code == classified.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["title"], problem["request_id"]) == (
        422,
        HTTPStatus(422).phrase,
        "r1",
    )
    assert problem["errors"]
    assert "invented" not in answer.text
    assert "xxxx" not in answer.text


async def test_unknown_paths_and_methods_are_problems(serve: Any) -> None:
    """404 and 405 are problems with the request's id; a 405 names the allowed method."""
    async with serve() as service:
        lost = await service.client.get("/nowhere", headers={"x-request-id": "r1"})
        wrong = await service.client.get("/workflow/execute", headers={"x-request-id": "r2"})
    assert (lost.status_code, lost.json()["request_id"]) == (404, "r1")
    assert (wrong.status_code, wrong.json()["request_id"], wrong.headers["allow"]) == (405, "r2", "POST")
    assert [r["route"] for r in service.records("api_request_complete")] == [
        "unmatched",
        "/workflow/execute",
    ]


async def test_readiness_follows_the_store(serve: Any, tmp_path: Any) -> None:
    """A store that cannot be written makes the service unready, and its return makes it ready again."""
    async with serve(store_url=f"sqlite:///{tmp_path}/away/sessions.db") as service:
        away = await service.client.get("/ready")
        turn = await service.turn("one")
        alive = await service.client.get("/health")
        (tmp_path / "away").mkdir()
        back = await service.client.get("/ready")
    assert (away.status_code, away.headers["retry-after"]) == (503, "1")
    assert (turn.status_code, turn.headers["retry-after"]) == (503, "1")
    assert (alive.status_code, back.status_code) == (200, 200)


async def test_a_store_whose_file_is_removed_is_not_ready_and_takes_no_turn(
    serve: Any, tmp_path: Any
) -> None:
    """What is committed to a removed file is lost, so nothing is acknowledged until the file is back at its path."""
    place = tmp_path / "sessions.db"
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        place.rename(tmp_path / "elsewhere")
        refused = [await service.client.get("/ready"), await service.turn("one")]
        refused += [await service.turn("two", session), await service.client.get(f"/sessions/{session}")]
        made = place.exists()
        (tmp_path / "elsewhere").rename(place)
        back = await service.client.get("/ready")
        second = await service.turn("two", session)
    assert [answer.status_code for answer in refused] == [503] * 4
    assert not made
    assert (back.status_code, second.json()["turn"]) == (200, 2)


async def test_the_document_describes_the_bodies(serve: Any) -> None:
    """The OpenAPI document names the models of bodies and answers, and every reference in it leads somewhere."""
    async with serve() as service:
        document = (await service.client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert {"ExecuteRequest", "WorkflowType", "ClassifyRequest", "ExecuteResponse"} <= set(schemas)
    named = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert named <= set(schemas)
    assert document["paths"]["/workflow/execute"]["post"]["requestBody"]["required"] is True


async def test_two_classifications_at_once_keep_their_ids(serve: Any) -> None:
    """Requests that overlap in worker threads each log under their own id."""
    async with serve() as service:
        names = [f"id-{number}" for number in range(8)]
        await asyncio.gather(
            *(
                service.client.post(
                    "/intent/classify", json={"message": name}, headers={"x-request-id": name}
                )
                for name in names
            )
        )
    records = service.records("intent_classification_success")
    assert sorted(record["request_id"] for record in records) == names


async def test_a_client_that_leaves_a_worker_thread_aborts_its_call(serve: Any, wire: Any) -> None:
    """The cancellation reaches through the worker thread to the provider call that its facade waits for."""
    # No limit of the chain's own may end the call in the place of the client's leaving.
    async with serve(deadline_s=600.0, conversation_level_s=600.0, facade_s=600.0) as service:
        service.provider.held = asyncio.Event()
        request = wire("/intent/classify", body=b'{"message": "hi"}')
        serving = asyncio.ensure_future(service.app(request.scope, request.receive, request.send))
        await service.provider.reached.wait()
        request.left.set()
        await serving
        async with asyncio.timeout(HANG_S):
            await service.provider.left.wait()
    assert service.provider.aborted == 1
    assert service.completions() == [(499, False, False, "client_disconnect")]

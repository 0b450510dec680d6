"""Idempotency keys: one turn for one key, whoever asks again, and never a stranger's answer."""

import asyncio
from typing import Any

import pytest

from reference_app.components import Parts
from reference_app.contract import ExecuteRequest
from reference_app.order import Claims
from reference_app.problems import Problem
from reference_app.security import digest, sealed
from reference_app.sessions.protocol import Claim, StoredAnswer
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.workflow import asked_for

KEY = {"authorization": "Bearer first-key"}
OTHER = {"authorization": "Bearer second-key"}
KEYS = ("first-key", "second-key")


async def test_the_stored_answer_is_replayed(serve: Any) -> None:
    """The same key gives the same body byte for byte: no second turn, no second call, and the record says so."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        first = await service.turn("two", session, **{"idempotency-key": "k1"})
        again = await service.turn("two", session, **{"idempotency-key": "k1"})
        read = await service.client.get(f"/sessions/{session}")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(service.provider.calls) == 2
    assert len(read.json()["turns"]) == 2
    records = service.records("api_request_complete")
    assert [record.get("replayed", False) for record in records] == [False, False, True, False]
    assert len(service.records("intent_classification_success")) == 2


async def test_a_first_turn_is_replayed_to_its_api_key(serve: Any) -> None:
    """With an API key even the first turn, which has no session yet, is held once: the same session comes back."""
    async with serve(api_keys=KEYS) as service:
        first = await service.turn("one", **KEY, **{"idempotency-key": "k1"})
        again = await service.turn("one", **KEY, **{"idempotency-key": "k1"})
        stranger = await service.turn("one", **OTHER, **{"idempotency-key": "k1"})
    assert again.content == first.content
    assert stranger.json()["session_id"] != first.json()["session_id"]
    assert len(service.records("new_session_initialized")) == 2


async def test_a_session_s_answer_is_not_a_stranger_s(serve: Any) -> None:
    """Another API key that knows session, key and content gets 404, as for any session that is not its own."""
    async with serve(api_keys=KEYS) as service:
        session = (await service.turn("one", **KEY)).json()["session_id"]
        first = await service.turn("two", session, **KEY, **{"idempotency-key": "k1"})
        same = await service.turn("two", session, **OTHER, **{"idempotency-key": "k1"})
        other = await service.turn("three", session, **OTHER, **{"idempotency-key": "k1"})
        again = await service.turn("two", session, **KEY, **{"idempotency-key": "k1"})
    assert (first.status_code, same.status_code, other.status_code) == (200, 404, 404)
    assert again.content == first.content


async def test_a_stranger_neither_meets_nor_holds_what_is_in_flight(serve: Any) -> None:
    """While the owner's turn is held another API key gets 404 and no 409, and it cannot make the owner wait."""
    async with serve(api_keys=KEYS, session_waiters_max=0) as service:
        session = (await service.turn("one", **KEY)).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        first = asyncio.ensure_future(service.turn("two", session, **KEY, **{"idempotency-key": "k1"}))
        await service.provider.reached.wait()
        stranger = await service.turn("two", session, **OTHER, **{"idempotency-key": "k1"})
        service.provider.held.set()
        answered = await first
    assert (stranger.status_code, answered.status_code) == (404, 200)
    owner, claims = asked("first-key"), Claims()
    with claims.held(asked("second-key")), claims.held(owner), pytest.raises(Problem), claims.held(owner):
        pytest.fail("one claim is held twice")


def asked(api_key: str) -> Claim | None:
    """The claim that an API key makes on one key of one session."""
    return asked_for(ExecuteRequest(message="two", session_id="s"), "k1", digest(api_key)).claim


async def test_a_replay_s_record_says_what_its_answer_says(serve: Any) -> None:
    """A degraded answer that is replayed is recorded as degraded, with the levels that its answer names."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        service.provider.status = 500
        await service.turn("two", session, **{"idempotency-key": "k1"})
        await service.turn("two", session, **{"idempotency-key": "k1"})
    first, again = service.records("api_request_complete")[1:]
    assert again["replayed"] is True
    assert (again["outcome"], again["fallbacks"]) == ("degraded", first["fallbacks"])
    assert len(again["fallbacks"]) == 2


async def test_without_a_session_or_an_api_key_the_key_is_not_honoured(serve: Any) -> None:
    """A guessed key replays nobody's answer."""
    async with serve() as service:
        first = await service.turn("one", **{"idempotency-key": "k1"})
        again = await service.turn("one", **{"idempotency-key": "k1"})
    assert again.json()["session_id"] != first.json()["session_id"]


async def test_a_key_with_other_content_is_refused(serve: Any) -> None:
    """The key was bound to one request; with another message, workflow type or context it is a 422."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        body = {"message": "two", "session_id": session}
        headers = {"idempotency-key": "k1"}
        changes: list[dict[str, Any]] = [
            {},
            {"message": "three"},
            {"workflow_type": "data_analysis"},
            {"context": {"a": 1}},
            {"message": " two "},
        ]
        statuses = [
            (await service.client.post("/workflow/execute", json=body | change, headers=headers)).status_code
            for change in changes
        ]
    assert statuses == [200, 422, 422, 422, 200]


async def test_a_key_that_is_being_served_is_a_409(serve: Any) -> None:
    """The second request does not wait for the first and does not run beside it."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        first = asyncio.ensure_future(service.turn("two", session, **{"idempotency-key": "k1"}))
        await service.provider.reached.wait()
        second = await service.turn("two", session, **{"idempotency-key": "k1"})
        service.provider.held.set()
        answered = await first
        replayed = await service.turn("two", session, **{"idempotency-key": "k1"})
    assert (second.status_code, answered.status_code) == (409, 200)
    assert replayed.content == answered.content


async def test_a_key_whose_request_failed_is_free_again(serve: Any, wire: Any) -> None:
    """A client that left before the commit may ask again under its key, and gets its turn."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        body = f'{{"message": "two", "session_id": "{session}"}}'.encode()
        request = wire(body=body, headers=((b"idempotency-key", b"k1"),))
        serving = asyncio.ensure_future(service.app(request.scope, request.receive, request.send))
        await service.provider.reached.wait()
        request.left.set()
        await serving
        service.provider.held = None
        again = await service.turn("two", session, **{"idempotency-key": "k1"})
    assert (again.status_code, again.json()["turn"]) == (200, 2)


async def test_a_replay_survives_a_restart(serve: Any) -> None:
    """The answer was committed with its turn."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        first = await service.turn("two", session, **{"idempotency-key": "k1"})
    async with serve() as service:
        again = await service.turn("two", session, **{"idempotency-key": "k1"})
    assert again.content == first.content
    assert service.provider.calls == []


class Late(SQLiteSessionStore):
    """A store that shows an answer only after somebody else has tried to store one."""

    blind = 0

    async def answered(self, claim: Claim, *, timeout_s: float) -> StoredAnswer | None:
        if self.blind > 0:
            self.blind -= 1
            return None
        return await super().answered(claim, timeout_s=timeout_s)


async def test_a_key_that_another_process_stored_meanwhile_is_replayed(serve: Any) -> None:
    """Two processes may serve one key at once: one of them stores its turn, and both give that answer."""
    stores: list[Late] = []

    def make(parts: Parts) -> Late:
        stores.append(Late(parts.settings))
        return stores[0]

    async with serve(factories={"store": make}, api_keys=KEYS) as service:
        first = await service.turn("one", **KEY, **{"idempotency-key": "k1"})
        stores[0].blind = 1
        second = await service.turn("one", **KEY, **{"idempotency-key": "k1"})
        session = first.json()["session_id"]
        read = await service.client.get(f"/sessions/{session}", headers=KEY)
    assert second.content == first.content
    assert len(read.json()["turns"]) == 1


async def test_a_key_whose_answer_vanished_meanwhile_is_a_409(serve: Any) -> None:
    """The key is stored by another process, and forgotten again whenever we look: the client is told to come back."""
    stores: list[Late] = []

    def make(parts: Parts) -> Late:
        stores.append(Late(parts.settings))
        return stores[0]

    async with serve(factories={"store": make}, api_keys=KEYS) as service:
        await service.turn("one", **KEY, **{"idempotency-key": "k1"})
        stores[0].blind = 3
        second = await service.turn("one", **KEY, **{"idempotency-key": "k1"})
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")


async def test_malformed_keys_are_refused(serve: Any) -> None:
    """A key that is empty, too long, not printable or sent twice is a 422 that does not repeat it."""
    async with serve() as service:
        for headers in (
            [("idempotency-key", "")],
            [("idempotency-key", "k" * 256)],
            [("idempotency-key", "\x01")],
            [("idempotency-key", "one"), ("idempotency-key", "two")],
        ):
            answer = await service.client.post("/workflow/execute", json={"message": "hi"}, headers=headers)
            assert answer.status_code == 422
            assert answer.json()["errors"] == [{"field": "Idempotency-Key", "reason": "malformed"}]


async def test_no_session_id_is_at_rest(serve: Any, tmp_path: Any) -> None:
    """The file of the store holds neither the session's id nor the key, though it can replay both."""
    async with serve(api_keys=KEYS) as service:
        first = await service.turn("one", **KEY, **{"idempotency-key": "key-canary"})
        session = first.json()["session_id"]
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert digest(session).encode() in files
    assert session.encode() not in files
    assert b"key-canary" not in files
    assert b"first-key" not in files


def test_a_seal_opens_only_with_its_key_and_scope() -> None:
    """Sealing twice gives the secret back; another key or another scope does not."""
    secret = "s" * 43
    closed = sealed(secret, key="k", scope="a")
    assert sealed(closed, key="k", scope="a") == secret
    assert secret not in {closed, sealed(closed, key="j", scope="a"), sealed(closed, key="k", scope="b")}

"""Keys, quotas, and sessions that belong to a key."""

from typing import Any

import pytest

from reference_app.app import build
from reference_app.components import Components
from reference_app.security import Quota, new_session_id
from reference_app.settings import Settings

KEYS = ("first-key", "second-key")
FIRST = {"authorization": "Bearer first-key"}
SECOND = {"authorization": "bearer second-key"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "first-key"},
        {"authorization": "Basic first-key"},
        {"authorization": "Bearer "},
    ],
    ids=["none", "wrong", "bare", "basic", "empty"],
)
async def test_without_a_key_there_is_no_way_in(serve: Any, headers: dict[str, str]) -> None:
    """Every route but the probes answers 401, unknown paths too, and nothing is classified."""
    async with serve(api_keys=KEYS) as service:
        for method, path in [
            ("POST", "/workflow/execute"),
            ("POST", "/intent/classify"),
            ("GET", "/sessions/x"),
            ("GET", "/openapi.json"),
            ("GET", "/nowhere"),
        ]:
            answer = await service.client.request(method, path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        for path in ("/health", "/ready", "/metrics"):
            assert (await service.client.get(path, headers=headers)).status_code == 200
    assert service.provider.calls == []
    assert {ending for ending in service.completions() if ending[0] == 401} == {
        (401, False, True, "client_error")
    }


async def test_two_authorization_headers_are_none(serve: Any) -> None:
    """Which of two would count must not depend on who reads them, so neither does."""
    right, wrong = ("authorization", "Bearer first-key"), ("authorization", "Bearer wrong")
    async with serve(api_keys=KEYS) as service:
        answers = [
            await service.client.get("/sessions/x", headers=[*pair])
            for pair in ((right, wrong), (wrong, right), (right, right))
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]


async def test_each_key_works_and_sessions_belong_to_theirs(serve: Any) -> None:
    """Another key's session is unknown: it cannot be continued, read or forgotten."""
    async with serve(api_keys=KEYS) as service:
        session = (await service.turn("one", **FIRST)).json()["session_id"]
        strange = [
            (await service.turn("two", session, **SECOND)).status_code,
            (await service.client.get(f"/sessions/{session}", headers=SECOND)).status_code,
            (await service.client.delete(f"/sessions/{session}", headers=SECOND)).status_code,
        ]
        own = await service.turn("two", session, **FIRST)
        read = await service.client.get(f"/sessions/{session}", headers=FIRST)
        forgotten = await service.client.delete(f"/sessions/{session}", headers=FIRST)
    assert strange == [404, 404, 404]
    assert (len(read.json()["turns"]), forgotten.status_code) == (2, 204)
    assert (own.status_code, own.json()["turn"]) == (200, 2)


async def test_a_session_that_was_made_without_keys_is_nobody_elses(serve: Any) -> None:
    """Once keys are configured, a session without an owner belongs to none of them."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
    async with serve(api_keys=KEYS) as service:
        answer = await service.turn("two", session, **FIRST)
    assert answer.status_code == 404


async def test_a_quota_is_kept_for_each_key(serve: Any) -> None:
    """The third request of a minute that allows two is a 429 that says when to come back; the other key is not touched."""
    async with serve(api_keys=KEYS, quota_per_minute=2) as service:
        statuses = [(await service.turn("one", **FIRST)).status_code for _ in range(3)]
        refused = await service.turn("one", **FIRST)
        other = await service.turn("one", **SECOND)
        probe = await service.client.get("/health")
    assert statuses == [200, 200, 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert (other.status_code, probe.status_code) == (200, 200)


def test_an_empty_key_is_refused_at_the_start() -> None:
    """A key that everybody could show never opens the service: it does not start."""
    with pytest.raises(ValueError, match="must not be empty"):
        build(Components(settings=Settings(api_keys=("good", " "))))


def test_a_quota_refills_evenly() -> None:
    """A bucket of 60 a minute gives one back a second, and never holds more than a minute's worth."""
    now = [100.0]
    quota = Quota(60, clock=lambda: now[0])
    assert [quota.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert quota.wait_s("a") == pytest.approx(1.0)
    now[0] += 0.5
    assert quota.wait_s("a") == pytest.approx(0.5)
    now[0] += 0.5
    assert quota.wait_s("a") == 0.0
    now[0] += 3600
    assert [quota.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert quota.wait_s("a") > 0


def test_session_ids_are_long_and_differ() -> None:
    """An id carries 256 bits in URL-safe characters."""
    ids = {new_session_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(value) == 43 and value.replace("-", "").replace("_", "").isalnum() for value in ids)

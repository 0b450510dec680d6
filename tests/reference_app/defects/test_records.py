"""What a client is told of a failure, and what is recorded of it, with each defect and without: over ASGI, no harness."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from damage_bench import Provider, Started, turn

NOBODYS = "no-such-session"


def completions(log: Path) -> list[str]:
    """The completion records, as lines."""
    return [line for line in log.read_text().splitlines() if "api_request_complete" in line]


async def test_without_a_defect_a_failure_is_told_and_recorded_once(started: Started, log: Path) -> None:
    """The control: 404, one record of it, and nothing else."""
    async with started() as client:
        response = await turn(client, session=NOBODYS)
    assert response.status_code == 404
    (record,) = completions(log)
    assert "status_code=404 success=false" in record


async def test_error_in_200_body_acknowledges_what_is_not_kept(started: Started) -> None:
    """The user is answered with 200 and kind words, and what was said is in no session."""
    async with started("error_in_200_body") as client:
        response = await turn(client, session=NOBODYS)
        stored = await client.get(f"/sessions/{NOBODYS}")
    assert response.status_code == 200
    assert response.json()["response"].startswith("I am sorry")
    assert stored.status_code == 404


@pytest.mark.parametrize(
    "body", [{"message": "Hello", "workflow_type": "no_such_type"}, {"message": "x" * 10_001}]
)
async def test_client_error_as_500_blames_the_service(started: Started, log: Path, body: Any) -> None:
    """An unknown value and a text that is too long are 422 without the defect; with it 500, and an alarm in the log."""
    async with started() as client:
        sound = await client.post("/workflow/execute", json=body)
    assert sound.status_code == 422
    assert "unhandled_exception" not in log.read_text()
    async with started("client_error_as_500") as client:
        response = await client.post("/workflow/execute", json=body)
        broken = await client.post("/workflow/execute", content=b"{")
    assert (response.status_code, broken.status_code) == (500, 422)
    assert "unhandled_exception" in log.read_text()


@pytest.mark.parametrize(
    ("defects", "said"),
    [
        ((), "status_code=499 success=false complete=false"),
        (("disconnect_logged_as_200",), "status_code=200 success=true complete=true"),
    ],
)
async def test_disconnect_logged_as_200_records_an_answer_that_nobody_had(
    started: Started, provider: Provider, log: Path, defects: tuple[str, ...], said: str
) -> None:
    """The client leaves while the provider is asked: 499 is the truth, and with the defect it is 200 and complete."""
    provider.delay_s = 0.2
    async with started(*defects) as client:
        await leave(client, provider)
    (record,) = completions(log)
    assert said in record


async def test_duplicate_completion_record_tells_two_stories(started: Started, log: Path) -> None:
    """One request has two records, and one of them has a status that was not sent."""
    async with started("duplicate_completion_record") as client:
        held = await turn(client)
        assert (held.status_code, len(completions(log))) == (200, 1)
        response = await turn(client, session=NOBODYS)
    assert response.status_code == 404
    _, inner, outer = completions(log)
    assert "status_code=500 success=false" in inner
    assert "status_code=404 success=false" in outer


async def leave(client: httpx.AsyncClient, provider: Provider) -> None:
    """A turn whose client has gone as soon as the provider is asked; what is sent then goes nowhere, without an error."""
    transport = client._transport  # httpx's own client has no way to leave
    assert isinstance(transport, httpx.ASGITransport)
    body = [{"type": "http.request", "body": json.dumps({"message": "Hello"}).encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if body:
            return body.pop()
        await provider.asked.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Take it, as a server does."""

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/workflow/execute",
        "raw_path": b"/workflow/execute",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"app"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("app", 80),
    }
    await transport.app(scope, receive, send)

"""What becomes of work that nobody waits for any more, and of the place that it held, seen without the harness."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from damage_bench import PLAN_INPUT, Provider, Started, turn


class Silent(Provider):
    """Answers when it is told to, and counts the calls that it answered and those whose caller went away."""

    def __init__(self) -> None:
        super().__init__()
        self.speaks = asyncio.Event()
        self.answered = self.abandoned = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take the call, and wait."""
        try:
            response = await super().handle_async_request(request)
            await self.speaks.wait()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        self.answered += 1
        return response


@pytest.fixture
def provider() -> Silent:
    """A provider that says nothing yet."""
    return Silent()


@pytest.mark.parametrize(
    ("defects", "expected"),
    [((), (1, 0, "499 success=false")), (("disconnect_ignored",), (0, 1, "200 success=true"))],
)
async def test_disconnect_ignored_asks_for_nobody(
    started: Started,
    provider: Silent,
    log: Path,
    defects: tuple[str, ...],
    expected: tuple[int, int, str],
) -> None:
    """A client leaves while the provider is asked: the good layer lets go of the call, this one has it answered and logs a success."""
    body = json.dumps({"message": PLAN_INPUT}).encode()
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        await provider.asked.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        """Nobody is there."""

    async with started(*defects) as client:
        app = client._transport.app  # type: ignore[attr-defined]  # the client can leave only after its answer
        scope = {"type": "http", "method": "POST", "path": "/workflow/execute", "query_string": b""}
        serving = asyncio.ensure_future(
            app({**scope, "headers": [(b"content-type", b"application/json")]}, receive, send)
        )
        await provider.asked.wait()
        if defects:
            provider.speaks.set()  # else it would be waited for, for as long as a level may take
        await serving
    abandoned, answered, said = expected
    assert (provider.abandoned, provider.answered) == (abandoned, answered)
    (record,) = [line for line in log.read_text().splitlines() if "api_request_complete" in line]
    assert f"status_code={said}" in record


@pytest.mark.parametrize(("defects", "statuses"), [((), [200, 200]), (("slot_leak_on_cancel",), [503, 503])])
async def test_slot_leak_on_cancel_refuses_everybody(
    started: Started,
    provider: Silent,
    monkeypatch: pytest.MonkeyPatch,
    defects: tuple[str, ...],
    statuses: list[int],
) -> None:
    """After as many cancelled requests as there are places an idle service refuses all others, again and again."""
    monkeypatch.setenv("APP_IN_FLIGHT_MAX", "2")
    monkeypatch.setenv("APP_DEADLINE_S", "0.5")  # a place that is lost is waited for at the end
    async with started(*defects) as client:
        for _ in range(2):
            provider.asked.clear()
            asking = asyncio.ensure_future(turn(client))
            await provider.asked.wait()
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
        provider.speaks.set()
        answers = [await turn(client), await turn(client)]
        metrics = (await client.get("/metrics")).text
    assert provider.abandoned == 2
    assert [answer.status_code for answer in answers] == statuses
    assert f"app_requests_in_flight {2.0 if defects else 0.0}" in metrics


async def test_slot_leak_on_cancel_gives_back_after_an_error(
    started: Started, provider: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake is no caricature: answers and refusals give their places back."""
    monkeypatch.setenv("APP_IN_FLIGHT_MAX", "1")
    provider.speaks.set()
    async with started("slot_leak_on_cancel") as client:
        statuses = [(await turn(client, message)).status_code for message in ("hello", " ", "hello")]
    assert statuses == [200, 422, 200]

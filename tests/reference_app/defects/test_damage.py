"""Each defect does its damage to the service itself, seen without the harness: over ASGI, in what a client gets and a log says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from reference_app.rehearsal import create

PLAN_INPUT = "Hi! How can you help me?"
Started = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class Provider(httpx.AsyncBaseTransport):
    """Answers every call with high confidence after `delay_s`, and remembers what it was sent."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.sent: list[dict[str, object]] = []
        self.ids: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        self.sent.append(body)
        self.ids.append(request.headers.get("x-request-id"))
        await asyncio.sleep(self.delay_s)
        structured = body.get("response_format", {}).get("type") == "json_schema"
        said = {"intent": "help_request" if structured else "question", "confidence": 0.9, "reply": "gladly"}
        if structured:
            del said["reply"]
        message = {"role": "assistant", "content": json.dumps(said), "refusal": None}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return httpx.Response(200, json={"id": "x", "object": "chat.completion", "choices": [choice]})

    def levels(self) -> list[str]:
        """By which level it was asked, call by call."""
        return [
            "structured" if "response_format" in body and "json_schema" in str(body) else "conversation"
            for body in self.sent
        ]


@pytest.fixture
def provider() -> Provider:
    """A healthy provider."""
    return Provider()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the app logs, as the plan's lines."""
    monkeypatch.setenv("LOG_FORMAT", "console")
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "app.log"))
    monkeypatch.setenv("APP_STORE_URL", f"sqlite:///{tmp_path}/sessions.db")
    monkeypatch.setenv("APP_PROVIDER_URL", "http://provider.invalid/v1")
    return tmp_path / "app.log"


@pytest.fixture
def started(provider: Provider, log: Path) -> Started:
    """Starts the app with defects, and gives a client of it."""

    @asynccontextmanager
    async def start(*defects: str) -> AsyncIterator[httpx.AsyncClient]:
        app = create(defects=defects, transport=provider)
        to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        life = asyncio.ensure_future(app({"type": "lifespan"}, to_app.get, from_app.put))
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client
        await to_app.put({"type": "lifespan.shutdown"})
        await life

    return start


async def turn(
    client: httpx.AsyncClient, message: str = PLAN_INPUT, session: str | None = None
) -> httpx.Response:
    """Hold one turn."""
    body = {"message": message} if session is None else {"message": message, "session_id": session}
    return await client.post("/workflow/execute", json=body)


async def test_without_a_defect_nothing_is_wrong(started: Started, provider: Provider, log: Path) -> None:
    """The control: the conversation-aware level answers, is told the history, and the log says what was sent."""
    async with started() as client:
        first = (await turn(client)).json()
        second = (await turn(client, "and then?", first["session_id"])).json()
    assert [first["method"], second["method"], second["turn"]] == [
        "conversation_aware",
        "conversation_aware",
        2,
    ]
    assert provider.levels() == ["conversation", "conversation"]
    assert PLAN_INPUT in str(provider.sent[1])
    assert "success=true" in log.read_text()
    assert "has_history=true" in log.read_text()


async def test_async_context_skip_answers_from_the_lower_level(
    started: Started, provider: Provider, log: Path
) -> None:
    """The user gets the structured level's answer from a healthy provider, and the log holds the plan's very line."""
    async with started("async_context_skip") as client:
        answer = (await turn(client)).json()
    assert (answer["method"], answer["degraded"], answer["fallbacks"]) == ("structured_llm", False, [])
    assert provider.levels() == ["structured"]
    line = "intent_classifier WARNING conversation_aware_classification_skipped async_context_detected fallback=structured_llm"
    assert line in log.read_text()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_sync_called_from_loop_never_awaits_its_coroutine(
    started: Started, provider: Provider, log: Path
) -> None:
    """The user gets the patterns' answer, the provider is never asked, and the error went to the log alone."""
    async with started("sync_called_from_loop") as client:
        answer = (await turn(client)).json()
        script = (await client.post("/intent/classify", json={"message": PLAN_INPUT})).json()
    assert (answer["method"], answer["fallbacks"]) == ("pattern", [])
    assert script["method"] == "conversation_aware", "from a worker thread the same entry works"
    assert "asyncio.run() cannot be called from a running event loop" in log.read_text()


async def test_success_logged_on_500_lies(started: Started, log: Path) -> None:
    """The client gets 500 and the log says success, in the plan's very words, for the plan's own input."""
    async with started("success_logged_on_500") as client:
        response = await turn(client)
    assert response.status_code == 500
    lines = [line for line in log.read_text().splitlines() if "api_request_complete" in line]
    assert len(lines) == 1
    assert "universal_framework.safe_mode INFO api_request_complete status_code=500 success=true" in lines[0]


async def test_history_lost_forgets_every_turn(started: Started, provider: Provider, log: Path) -> None:
    """The provider is told nothing of the first turn, and the log holds the plan's lines on the second."""
    async with started("history_lost") as client:
        first = (await turn(client)).json()
        second = (await turn(client, "and then?", first["session_id"])).json()
    assert second["turn"] == 2
    assert PLAN_INPUT not in str(provider.sent[1])
    text = log.read_text()
    assert text.count("session_debug INFO new_session_initialized workflow_phase=INITIALIZATION") == 2
    assert text.count("conversation_debug INFO conversation_context_built has_history=false") == 2


async def test_thread_per_call_bridge_stops_the_loop(started: Started, provider: Provider) -> None:
    """While one call waits nothing else runs on the loop, the request id does not reach the provider, and the deadline is no bound."""
    async with started("thread_per_call_bridge") as client:
        provider.delay_s = 2.0
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        response = await turn(client)
        ticking.cancel()
    assert response.status_code == 503, (
        "the call outlasted the deadline of 1.8 s, and nothing was left to keep the turn"
    )
    assert provider.ids[0] is None
    assert ticks < 50, "a loop that lives ticks two hundred times in two seconds"

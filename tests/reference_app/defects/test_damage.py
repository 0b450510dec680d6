"""Each defect does its damage to the service itself, seen without the harness: over ASGI, in what a client gets and a log says."""

import asyncio
from pathlib import Path

import pytest
from damage_bench import PLAN_INPUT, Provider, Started, turn

from reference_app.sessions.protocol import StoreUnavailable
from reference_app.sessions.sqlite import SQLiteSessionStore


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


async def test_success_logged_on_500_lies(
    started: Started, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a turn cannot be stored the client gets 500 and the log says success, in the plan's very words; else all is well."""

    async def refused(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is away")

    async with started("success_logged_on_500") as client:
        healthy = await turn(client)
        monkeypatch.setattr(SQLiteSessionStore, "append", refused)
        response = await turn(client)
    assert (healthy.status_code, response.status_code) == (200, 500)
    first, second = (line for line in log.read_text().splitlines() if "api_request_complete" in line)
    assert "status_code=200 success=true" in first
    assert "universal_framework.safe_mode INFO api_request_complete status_code=500 success=true" in second


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

"""The mistakes of `loops` and `middleware` do their damage to what clients get: over ASGI, on loops and in threads of the tests' own."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from damage_bench import PLAN_INPUT, Provider, Started, turn

from reference_app import rehearsal
from reference_app.defects import loops
from reference_app.sessions.sqlite import SQLiteSessionStore

QUOTING = "Is it done?\n> it will be done"
"""A hook calls the synchronous entry for it, on the loop's own thread."""


async def test_threadsafe_result_on_own_loop_stops_the_server(
    started: Started, provider: Provider, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a worker thread the entry answers; from the loop's own nothing runs any more, until somebody else ends the wait."""
    post, ticked = asyncio.run_coroutine_threadsafe, threading.Event()
    meanwhile: list[tuple[bool, int, bool]] = []

    def rescue(loop: asyncio.AbstractEventLoop, waited_for: Any) -> None:
        loop.call_soon_threadsafe(ticked.set)
        came = ticked.wait(0.3)  # what never comes can only be waited for
        said = log.read_text()
        meanwhile.append((came, len(provider.sent), "WARNING" in said or "ERROR" in said))
        waited_for.cancel()

    def posted(work: Any, loop: asyncio.AbstractEventLoop) -> Any:
        future = post(work, loop)
        threading.Thread(target=rescue, args=(loop, future)).start()
        return future

    async with started("threadsafe_result_on_own_loop") as client:
        script = (await client.post("/intent/classify", json={"message": PLAN_INPUT})).json()
        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", posted)
        response = await turn(client, QUOTING)
    assert script["method"] == "conversation_aware"
    assert meanwhile == [(False, 1, False)], "the one call is the worker thread's, and no line complains"
    assert response.status_code == 500


async def test_import_time_lock_fails_on_the_second_loop(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two turns at once are kept on the first loop; on another one, one of two is answered 500."""
    append = SQLiteSessionStore.append
    waited_for = asyncio.Event()

    class Lock(asyncio.Lock):
        """Tells when somebody has to wait for it."""

        async def acquire(self) -> Any:
            if self.locked():
                waited_for.set()
            return await super().acquire()

    async def slow(*given: Any, **more: Any) -> None:
        await waited_for.wait()
        await append(*given, **more)

    async def two() -> list[int]:
        nonlocal waited_for
        waited_for = asyncio.Event()  # belongs to the loop that it is waited for on
        async with started("import_time_lock") as client:
            return sorted(one.status_code for one in await asyncio.gather(turn(client), turn(client)))

    monkeypatch.setattr(SQLiteSessionStore, "append", slow)
    monkeypatch.setattr(loops, "WRITING", Lock())
    here = await two()
    elsewhere = await asyncio.to_thread(asyncio.run, two())
    assert (here, elsewhere) == ([200, 200], [200, 500])


async def test_request_id_global_names_whoever_began_last(
    started: Started, provider: Provider, log: Path
) -> None:
    """Of two requests that overlap, both are answered and logged under the id of the second; one alone is told right."""
    async with started("request_id_global") as client:
        ask = partial(client.post, "/workflow/execute", json={"message": PLAN_INPUT})
        alone = await ask(headers={"x-request-id": "alone"})
        provider.delay_s = 0.2
        provider.asked.clear()
        first = asyncio.ensure_future(ask(headers={"x-request-id": "first"}))
        await provider.asked.wait()
        second = await ask(headers={"x-request-id": "second"})
        answers = [alone, await first, second]
    assert [answer.headers["x-request-id"] for answer in answers] == ["alone", "second", "second"]
    records = [line for line in log.read_text().splitlines() if "api_request_complete" in line]
    assert [line.partition("request_id=")[2].split()[0] for line in records] == ["alone", "second", "second"]


@pytest.mark.parametrize(
    ("defects", "said"), [((), "499 success=false"), (("base_http_middleware",), "200 success=true")]
)
async def test_base_http_middleware_never_learns_that_a_client_left(
    started: Started, provider: Provider, log: Path, defects: tuple[str, ...], said: str
) -> None:
    """A client leaves while the provider thinks: the log says that it was answered, where the good layer says 499."""
    provider.delay_s = 0.2
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
        await app({**scope, "headers": [(b"content-type", b"application/json")]}, receive, send)
    (record,) = [line for line in log.read_text().splitlines() if "api_request_complete" in line]
    assert f"status_code={said}" in record


class Busy(Provider):
    """Answers the first call with 429, and notes whether a timer of the loop was on time before the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse once, and answer from then on."""
        if "refused" not in self.order:
            self.order.append("refused")
            asyncio.get_running_loop().call_later(0.01, self.order.append, "timer")
            return httpx.Response(429, headers={"retry-after": "0.2"}, json={"error": {"code": "busy"}})
        self.order.append("asked again")
        return await super().handle_async_request(request)


class TestBackoff:
    """With a provider that wants patience."""

    @pytest.fixture
    def provider(self) -> Provider:
        """A provider that refuses its first call."""
        return Busy()

    @pytest.mark.parametrize(
        ("defects", "order"),
        [
            ((), ["refused", "timer", "asked again"]),
            (("blocking_backoff",), ["refused", "asked again", "timer"]),
        ],
    )
    async def test_blocking_backoff_holds_up_what_is_due(
        self, started: Started, provider: Busy, defects: tuple[str, ...], order: list[str]
    ) -> None:
        """What is due while the client waits for its second attempt runs only after that attempt has begun."""
        async with started(*defects) as client:
            answer = await turn(client)
            await asyncio.sleep(0.01)
        assert answer.json()["method"] == "conversation_aware"
        assert provider.order == order


class TestConnections:
    """With a provider on the wire: only connections belong to a loop."""

    @pytest.fixture
    def provider(self) -> None:
        """No transport is handed in."""

    @pytest.fixture
    async def address(self) -> AsyncIterator[str]:
        """Where a provider serves, which keeps its connections."""
        answering = Provider()
        answering.delay_s = 0.05  # so that whoever asks has to wait

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    length = int(head.lower().partition(b"content-length:")[2].split()[0])
                    request = httpx.Request("POST", "http://x", content=await reader.readexactly(length))
                    body = (await answering.handle_async_request(request)).content
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        server.close()

    @pytest.mark.parametrize("defects", [(), ("client_shared_across_loops",)])
    async def test_client_shared_across_loops_fails_on_the_second_loop(
        self, started: Started, address: str, defects: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After one turn on the server's loop a call from another loop fails, while with a client for each it is answered."""
        monkeypatch.setenv("APP_PROVIDER_URL", address)

        async def elsewhere() -> Any:
            return rehearsal.classify(PLAN_INPUT)

        async with started(*defects) as client:
            answer = (await turn(client)).json()
            found = (
                await asyncio.gather(asyncio.to_thread(asyncio.run, elsewhere()), return_exceptions=True)
            )[0]
        assert answer["method"] == "conversation_aware"
        if defects:
            assert isinstance(found, RuntimeError)
            assert "different event loop" in str(found)
        else:
            assert found.method == "conversation_aware"

"""Behind a real uvicorn: an `error` ends in good order, a client that leaves is noticed, one that reads nothing is cut."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

HANG_S = 30.0


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[tuple[str, int]]:
    """The app behind a server on a free port; its start-up was done by who made it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Small, so that what a client does not read is soon noticed.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, http="httptools"))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(HANG_S):
                yield listening.getsockname()
        finally:
            server.should_exit = True
            await serving


def request(message: str = "hello") -> bytes:
    """A request for a stream as bytes."""
    body = json.dumps({"message": message}).encode()
    head = "POST /workflow/execute HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def ended(app: Any, count: int) -> None:
    """Wait for so many completion records; each is written in the request's last step."""
    while len(app.service.completions()) < count:  # noqa: ASYNC110  # a log has no event to wait for
        await asyncio.sleep(0.001)


async def test_a_whole_stream_and_a_broken_one_both_end_in_good_order(streaming: Any, kit: Any) -> None:
    """The client reads `done`, and on the same connection `error`, and no protocol error after either."""
    async with streaming() as app, served(app.service.app) as (host, port):
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
            ask = {"json": {"message": "hello"}, "headers": {"accept": "text/event-stream"}}
            whole = await client.post("/workflow/execute", **ask)
            app.provider.pieces = kit.parts(kit.said)[:-3]
            broken = await client.post("/workflow/execute", **ask)
        await ended(app, 2)
    assert "event: done\n" in whole.text
    assert "event: error\n" not in whole.text
    assert "event: error\n" in broken.text
    assert "event: done\n" not in broken.text
    assert app.service.completions() == [(200, True, True, "ok"), (200, False, False, "error")]


async def test_a_client_that_closes_its_connection_cancels_the_call(streaming: Any, kit: Any) -> None:
    """The provider's call is aborted, and the record says that the client left."""
    async with streaming() as app, served(app.service.app) as address:
        app.provider.pieces = [*kit.parts(kit.said)[:-3], asyncio.Event()]
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request())
        await reader.readuntil(b"event: chunk")
        writer.close()
        await app.provider.left.wait()
        await ended(app, 1)
    assert app.service.completions() == [(499, False, False, "client_disconnect")]


async def test_a_client_that_reads_nothing_is_cut_at_the_deadline(streaming: Any, kit: Any) -> None:
    """A reply larger than all buffers waits for its reader until the deadline; then the answer is cut, and not stored."""
    async with streaming(deadline_s=1.0) as app, served(app.service.app) as address:
        long = kit.parts(kit.said)[:6]
        letters = json.dumps({"choices": [{"delta": {"content": "x" * 60_000}}]}).encode()
        app.provider.pieces = [*long, *[b"data: " + letters + b"\n\n"] * 16, *kit.parts(kit.said)[6:]]
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, address)
            await asyncio.get_running_loop().sock_sendall(deaf, request())
            await ended(app, 1)
    assert app.service.completions() == [(200, False, False, "error")]
    assert app.service.records("new_session_initialized") == []
    assert app.service.records("unhandled_exception") == []

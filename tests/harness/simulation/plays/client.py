"""The raw client: streams, slow readers, leaving, endings."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import stage
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from harness.simulation.client import AsgiClient, Incomplete

START_S = 1024.0


def build(log: list[Any]) -> FastAPI:
    """An app that streams."""
    app = FastAPI(openapi_url=None)

    async def chunks(count: int, pause_s: float) -> AsyncIterator[bytes]:
        try:
            for number in range(count):
                yield f"{number} ".encode()
                log.append((number, time.monotonic() - START_S))
                if pause_s:
                    await asyncio.sleep(pause_s)
        finally:
            log.append("closed")

    @app.get("/stream")
    async def stream(count: int, pause_s: float) -> StreamingResponse:
        return StreamingResponse(chunks(count, pause_s))

    @app.post("/echo")
    async def echo(request: Request) -> Any:
        return {"got": (await request.body()).decode(), "header": request.headers["x-mine"]}

    return app


async def chunks_come_one_by_one() -> Any:
    client = AsgiClient(build([]))
    async with client.open("GET", "/stream?count=3&pause_s=1") as exchange:
        status = await exchange.started()
        got = [[chunk.decode(), time.monotonic() - START_S] async for chunk in exchange]
    return [status, got]


async def leaves_mid_stream() -> Any:
    log: list[Any] = []
    client = AsgiClient(build(log))
    async with client.open("GET", "/stream?count=100&pause_s=1") as exchange:
        async for _ in exchange:
            if time.monotonic() - START_S >= 2:
                break
        exchange.leave()
    return [log, time.monotonic() - START_S]


async def reads_slowly() -> Any:
    log: list[Any] = []
    client = AsgiClient(build(log))
    async with client.open("GET", "/stream?count=4&pause_s=0", buffered_max=1) as exchange:
        async for _ in exchange:
            await asyncio.sleep(1)
    return log


async def sends_and_reads() -> Any:
    client = AsgiClient(build([]))
    response = await client.request("POST", "/echo", body=b"hello", headers=[(b"x-mine", b"yes")])
    missing = await client.request("GET", "/nothing")
    return [response.status, response.body.decode(), missing.status]


async def app_says_nothing() -> Any:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def cut(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("cut")

    told: list[Any] = []
    try:
        await AsgiClient(silent).request("GET", "/")
    except Incomplete as error:
        told.append(str(error))
    async with AsgiClient(cut).open("GET", "/") as exchange:
        try:
            chunks = aiter(exchange)
            told.append((await anext(chunks)).decode())
            await anext(chunks)
        except Incomplete as error:
            told.append(repr(error.__cause__))
    return told


CASES: dict[str, stage.Main] = {
    name: case for name, case in list(globals().items()) if asyncio.iscoroutinefunction(case)
}

if __name__ == "__main__":
    stage.show_all(CASES)

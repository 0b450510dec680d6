"""What the tests of the defects' damage share: a provider of their own, and how a turn is held."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx

PLAN_INPUT = "Hi! How can you help me?"
Started = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class Provider(httpx.AsyncBaseTransport):
    """Answers every call with high confidence after `delay_s`, not before `free` is set, and remembers what it was sent."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.asked, self.free = asyncio.Event(), asyncio.Event()
        self.free.set()
        self.sent: list[dict[str, object]] = []
        self.ids: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        self.sent.append(body)
        self.ids.append(request.headers.get("x-request-id"))
        self.asked.set()
        await asyncio.sleep(self.delay_s)
        await self.free.wait()
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


async def turn(
    client: httpx.AsyncClient, message: str = PLAN_INPUT, session: str | None = None
) -> httpx.Response:
    """Hold one turn."""
    body = {"message": message} if session is None else {"message": message, "session_id": session}
    return await client.post("/workflow/execute", json=body)

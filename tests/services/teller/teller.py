"""A storyteller: it streams what its provider streams, over aiohttp, and keeps threads in SQLite. FLAWS names its mistakes.

`eof_is_done`: a stream that ends without its end counts as whole. `no_total`: only the gaps between two pieces are
bounded, and generously. `session_leak`: each turn has a client of its own, which nobody closes.
"""

import asyncio
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, field_validator

FLAWS = frozenset(os.environ.get("FLAWS", "").split())
PROVIDER = os.environ["OPENAI_BASE_URL"]
DATABASE = os.environ.get("TELLER_DB", "teller.db").removeprefix("sqlite:///")
STREAM_BYTES_MAX = 1_000_000
TOTAL = (
    aiohttp.ClientTimeout(total=None, sock_read=60) if "no_total" in FLAWS else aiohttp.ClientTimeout(total=4)
)

locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
clients: list[aiohttp.ClientSession] = []


class Broken(Exception):
    """The provider did not tell a whole story."""


FAILURES = (
    Broken,
    aiohttp.ClientError,
    HttpProcessingError,  # a line too long for aiohttp's buffer; it is no ClientError
    TimeoutError,
    ValueError,
    sqlite3.Error,
)
"""What ends a story in an event of its own."""


class Wish(BaseModel):
    """What the listener wants to hear."""

    text: str = Field(min_length=1, max_length=10_000)
    thread: str = Field(min_length=1, max_length=64)

    @field_validator("text", "thread")
    @classmethod
    def encodes(cls, text: str) -> str:
        """Refuse half a surrogate, which nobody could pass on."""
        text.encode()
        return text


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The client and the table."""
    with closing(connect()) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS lines (thread TEXT, role TEXT, text TEXT)")
    async with aiohttp.ClientSession(timeout=TOTAL) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


def connect() -> sqlite3.Connection:
    """The database."""
    database = sqlite3.connect(DATABASE, timeout=1.0)
    database.execute("PRAGMA journal_mode = WAL")
    return database


def kept(thread: str) -> list[dict[str, str]]:
    """The lines of a thread so far."""
    with closing(connect()) as database:
        found = database.execute("SELECT role, text FROM lines WHERE thread = ? ORDER BY rowid", (thread,))
        return [{"role": role, "content": text} for role, text in found]


def keep(thread: str, wish: str, story: str) -> None:
    """Keep a wish with its story."""
    with closing(connect()) as database, database:
        database.execute("INSERT INTO lines VALUES (?, 'user', ?)", (thread, wish))
        database.execute("INSERT INTO lines VALUES (?, 'assistant', ?)", (thread, story))


async def told(messages: list[dict[str, str]]) -> AsyncIterator[str]:
    """The pieces of a story as the provider streams them; `Broken` where it is no whole one."""
    client = app.state.client
    if "session_leak" in FLAWS:
        clients.append(client := aiohttp.ClientSession(timeout=TOTAL))
    body = {"model": "teller", "messages": messages, "stream": True}
    done, size, reason = False, 0, ""
    async with client.post(f"{PROVIDER}/chat/completions", json=body) as answer:
        if answer.status != HTTPStatus.OK or answer.content_type != "text/event-stream":
            raise Broken(f"{answer.status} {answer.content_type}")
        async for line in answer.content:
            size += len(line)
            if size > STREAM_BYTES_MAX:
                raise Broken("a story that is too long")
            if not line.startswith(b"data:"):
                continue
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                done = True
                break
            choice = choice_of(data)
            reason = choice.get("finish_reason") or reason
            if isinstance(piece := choice["delta"].get("content"), str) and piece:
                yield piece
    if "eof_is_done" not in FLAWS and not (done and reason == "stop"):
        raise Broken(f"done={done}, {reason}")


def choice_of(data: bytes) -> dict[str, Any]:
    """The choice in one event."""
    try:
        choice = json.loads(data)["choices"][0]
        choice["delta"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Broken("no piece of a story") from error
    return dict(choice)


def event(name: str, **data: str) -> str:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


async def stream(wish: Wish) -> AsyncIterator[str]:
    """The story, and whether it is whole; only then it is kept."""
    story = ""
    try:
        async with asyncio.timeout(None if "no_total" in FLAWS else 6), locks[wish.thread]:
            messages = await asyncio.to_thread(kept, wish.thread)
            async for piece in told([*messages, {"role": "user", "content": wish.text}]):
                story += piece
                yield event("piece", text=piece)
            if story:
                await asyncio.to_thread(keep, wish.thread, wish.text, story)
    except FAILURES as error:
        yield event("error", reason=type(error).__name__)
    else:
        yield event("done", thread=wish.thread) if story else event("error", reason="no story")


@app.post("/tell")
async def tell(wish: Wish) -> StreamingResponse:
    """Tell a story."""
    return StreamingResponse(stream(wish), media_type="text/event-stream")


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong, without repeating it."""
    said = [{"loc": list(map(str, each["loc"])), "msg": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": said}, HTTPStatus.UNPROCESSABLE_ENTITY)


@app.get("/health")
async def health() -> dict[str, bool]:
    """It lives."""
    return {"ok": True}

"""A help desk: plain httpx, SQLite through threads. FLAWS names its mistakes.

`eager_retries`: whatever fails is tried eight times at once. `empty_is_fine`: an answer with nothing in it is an answer.
`slot_leak`: a slot for a provider call comes back only where the call went well.
"""

import asyncio
import logging
import logging.handlers
import os
import queue
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from uuid import uuid4

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, field_validator

FLAWS = frozenset(os.environ.get("FLAWS", "").split())
PROVIDER = os.environ["OPENAI_BASE_URL"]
DATABASE = os.environ.get("DESK_DB", "desk.db")
TRIES = 8 if "eager_retries" in FLAWS else 1
ANSWER_BYTES_MAX = 1_000_000


class Unavailable(Exception):
    """The provider, or the database, did not do its part."""


class Ticket(BaseModel):
    """What somebody needs help with."""

    message: str = Field(min_length=1, max_length=10_000)
    ticket: str | None = Field(default=None, max_length=64)

    @field_validator("message", "ticket")
    @classmethod
    def encodes(cls, text: str | None) -> str | None:
        """Refuse half a surrogate, which nobody could pass on."""
        if text is not None:
            text.encode()
        return text


class AsItIs(logging.handlers.QueueHandler):
    """Puts a record into the queue with its arguments: the server's formatter wants them."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Change nothing."""
        return record


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The client, the slots, the table, and a log that a thread writes: who stops to read it must not stop the loop."""
    for name in ("uvicorn", "uvicorn.access"):
        logger = logging.getLogger(name)
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        logging.handlers.QueueListener(lines, *logger.handlers).start()
        logger.handlers = [AsItIs(lines)]
    with closing(connect()) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS lines (ticket TEXT, role TEXT, text TEXT)")
    app.state.slots = asyncio.Semaphore(4)
    app.state.locks = defaultdict(asyncio.Lock)
    # One connection a call: on one that is kept, httpx takes what nobody asked for as the answer to its next call.
    async with httpx.AsyncClient(timeout=2.0, headers={"connection": "close"}) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


def connect() -> sqlite3.Connection:
    """The database."""
    database = sqlite3.connect(DATABASE, timeout=1.0)
    database.execute("PRAGMA journal_mode = WAL")
    return database


def kept(ticket: str) -> list[dict[str, str]]:
    """The lines of a ticket so far."""
    with closing(connect()) as database:
        found = database.execute("SELECT role, text FROM lines WHERE ticket = ? ORDER BY rowid", (ticket,))
        return [{"role": role, "content": text} for role, text in found]


def keep(ticket: str, message: str, reply: str) -> None:
    """Keep a message with its reply."""
    with closing(connect()) as database, database:
        database.execute("INSERT INTO lines VALUES (?, 'user', ?)", (ticket, message))
        database.execute("INSERT INTO lines VALUES (?, 'assistant', ?)", (ticket, reply))


async def complete(messages: list[dict[str, str]]) -> str:
    """Ask the provider, in a slot."""
    slots: asyncio.Semaphore = app.state.slots
    await slots.acquire()
    if "slot_leak" in FLAWS:
        reply = await asked(messages)
        slots.release()
        return reply
    try:
        return await asked(messages)
    finally:
        slots.release()


async def asked(messages: list[dict[str, str]]) -> str:
    """Ask the provider, once or as often as it takes."""
    for number in range(TRIES):
        try:
            return await asked_once(messages)
        except Unavailable:
            if number == TRIES - 1:
                raise
    raise AssertionError


async def asked_once(messages: list[dict[str, str]]) -> str:
    """Ask the provider once."""
    body = {"model": "desk", "messages": messages}
    content = b""
    try:
        async with app.state.client.stream("POST", f"{PROVIDER}/chat/completions", json=body) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > ANSWER_BYTES_MAX:
                    raise Unavailable("an answer that is too long")
        choice = httpx.Response(HTTPStatus.OK, content=content).json()["choices"][0]
        reply, reason = choice["message"]["content"], choice.get("finish_reason")
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise Unavailable(type(error).__name__) from error
    if "empty_is_fine" in FLAWS and not reply:
        return ""
    if reason != "stop" or not isinstance(reply, str) or not reply:
        raise Unavailable("no whole answer")
    return reply


@app.post("/help")
async def help_with(ticket: Ticket) -> dict[str, object]:
    """Hold one turn; one after the other in a ticket."""
    number = ticket.ticket or uuid4().hex
    try:
        async with asyncio.timeout(6), app.state.locks[number]:
            messages = await asyncio.to_thread(kept, number)
            reply = await complete([*messages, {"role": "user", "content": ticket.message}])
            await asyncio.to_thread(keep, number, ticket.message, reply)
    except (TimeoutError, sqlite3.Error) as error:
        raise Unavailable(type(error).__name__) from error
    return {"reply": {"text": reply}, "ticket": number}


@app.exception_handler(Unavailable)
async def unavailable(request: Request, error: Unavailable) -> JSONResponse:
    """Say that it is not us."""
    return JSONResponse({"detail": "try again"}, HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": "1"})


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong, without repeating it."""
    said = [{"loc": list(map(str, each["loc"])), "msg": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": said}, HTTPStatus.UNPROCESSABLE_ENTITY)


@app.get("/health")
async def health() -> dict[str, bool]:
    """It lives."""
    return {"ok": True}

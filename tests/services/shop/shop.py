"""A shop's assistant: a sync service with `requests`, a pool of threads, and SQLite. FLAWS names its mistakes.

`key_error`: an answer of another shape than expected is a 500. `no_timeout`: it waits for its provider for ever.
`one_history`: all conversations share one.
"""

import logging
import logging.handlers
import os
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import asynccontextmanager, closing
from time import monotonic
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, field_validator
from urllib3.exceptions import HTTPError

FLAWS = frozenset(os.environ.get("FLAWS", "").split())
PROVIDER = os.environ["LLM_URL"]
DATABASE = urlsplit(os.environ.get("SHOP_DB", "sqlite:///shop.db")).path.removeprefix("/")
ANSWER_BYTES_MAX = 1_000_000
PATIENCE_S = 2.0

pool = ThreadPoolExecutor(max_workers=32)
local = threading.local()
locks: dict[str, threading.Lock] = {}
locks_lock = threading.Lock()


class Unavailable(Exception):
    """The provider, or the database, did not do its part."""


class Question(BaseModel):
    """What a customer asks."""

    question: str = Field(min_length=1, max_length=10_000)
    conversation: str | None = Field(default=None, max_length=64)

    @field_validator("question", "conversation")
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
    """The table, and a log that is written by a thread: whoever stops to read it must not stop the loop."""
    for name in ("uvicorn", "uvicorn.access"):
        logger = logging.getLogger(name)
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        logging.handlers.QueueListener(lines, *logger.handlers).start()
        logger.handlers = [AsItIs(lines)]
    with closing(connect()) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS lines (conversation TEXT, role TEXT, text TEXT)")
    yield


app = FastAPI(lifespan=lifespan)


def connect() -> sqlite3.Connection:
    """The database."""
    database = sqlite3.connect(DATABASE, timeout=1.0)
    database.execute("PRAGMA journal_mode = WAL")
    return database


def content(answer: requests.Response, *, ends_at: float) -> bytes:
    """The body of an answer, within its time: a timeout of the library is one of each read."""
    body = b""
    while piece := answer.raw.read1(65_536):
        body += piece
        if len(body) > ANSWER_BYTES_MAX or (monotonic() > ends_at and "no_timeout" not in FLAWS):
            raise Unavailable("an answer that is too long")
    return body


def complete(messages: list[dict[str, str]]) -> str:
    """Ask the provider."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
    timeout = None if "no_timeout" in FLAWS else (1.0, 2.0)
    body = {"model": "shop", "messages": messages}
    with local.session.post(
        f"{PROVIDER}/chat/completions", json=body, timeout=timeout, stream=True
    ) as answer:
        answer.raise_for_status()
        answer._content = content(answer, ends_at=monotonic() + PATIENCE_S)
        if "key_error" in FLAWS:
            return str(answer.json()["choices"][0]["message"]["content"])
        try:
            choice = answer.json()["choices"][0]
            text = choice["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise Unavailable("an answer of another shape") from error
    if choice.get("finish_reason") != "stop" or not isinstance(text, str) or not text:
        raise Unavailable("no whole answer")
    return text


def kept(conversation: str) -> list[dict[str, str]]:
    """The lines of a conversation so far."""
    mine = "" if "one_history" in FLAWS else "WHERE conversation = ?"
    values = (conversation,) if mine else ()
    with closing(connect()) as database:
        found = database.execute(f"SELECT role, text FROM lines {mine} ORDER BY rowid", values)
        return [{"role": role, "content": text} for role, text in found]


def keep(conversation: str, question: str, text: str) -> None:
    """Keep a question with its answer."""
    with closing(connect()) as database, database:
        database.execute("INSERT INTO lines VALUES (?, 'user', ?)", (conversation, question))
        database.execute("INSERT INTO lines VALUES (?, 'assistant', ?)", (conversation, text))


def turn(question: str, conversation: str) -> str:
    """Answer a question; one after the other in a conversation."""
    with locks_lock:
        lock = locks.setdefault(conversation, threading.Lock())
    if not lock.acquire(timeout=PATIENCE_S):
        raise Unavailable("the conversation is busy")
    try:
        text = complete([*kept(conversation), {"role": "user", "content": question}])
        keep(conversation, question, text)
    except (requests.RequestException, HTTPError, sqlite3.Error) as error:
        raise Unavailable(type(error).__name__) from error
    finally:
        lock.release()
    return text


@app.post("/ask")
def ask(question: Question) -> dict[str, str]:
    """Hold one turn."""
    conversation = question.conversation or uuid4().hex
    asked = pool.submit(turn, question.question, conversation)
    return {
        "answer": asked.result(None if "no_timeout" in FLAWS else 2 * PATIENCE_S),
        "conversation": conversation,
    }


@app.exception_handler(Unavailable)
@app.exception_handler(Late)
def unavailable(request: Request, error: Exception) -> JSONResponse:
    """Say that it is not us."""
    return JSONResponse({"detail": "try again"}, 503, headers={"retry-after": "1"})


@app.exception_handler(RequestValidationError)
def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong, without repeating it: not all that is wrong can be said in JSON."""
    said = [{"loc": list(map(str, each["loc"])), "msg": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": said}, 422)


@app.get("/health")
async def health() -> dict[str, bool]:
    """It lives."""
    return {"ok": True}

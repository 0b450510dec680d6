"""A turn as such services are often written: BaseHTTPMiddleware, plain httpx, aiosqlite, standard logging.

It does what the reference app's turn does at the least: one provider call, two rows committed with FULL
synchronisation, one log line. It is here to be measured beside it, from `STORE` and `PROVIDER` in the environment.
"""

import logging
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosqlite
import httpx
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response

log = logging.getLogger("typical")


class Turn(BaseModel):
    """One turn."""

    message: str
    session_id: str | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the store and the client."""
    logging.basicConfig(filename=os.environ["LOG_FILE"], level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    app.state.store = await aiosqlite.connect(os.environ["STORE"])
    await app.state.store.execute("PRAGMA journal_mode=WAL")
    await app.state.store.execute("PRAGMA synchronous=FULL")
    await app.state.store.execute("CREATE TABLE turn (session TEXT, role TEXT, content TEXT)")
    async with httpx.AsyncClient() as client:
        app.state.client = client
        yield
    await app.state.store.close()


app = FastAPI(lifespan=lifespan)


class Logged(BaseHTTPMiddleware):
    """One line a request."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Call and log."""
        response = await call_next(request)
        log.info("request path=%s status=%s", request.url.path, response.status_code)
        return response


app.add_middleware(Logged)


@app.get("/health")
async def health() -> dict[str, str]:
    """Live."""
    return {"status": "ok"}


@app.post("/workflow/execute")
async def execute(turn: Turn) -> dict[str, str]:
    """Ask the provider, keep the turn, answer."""
    session = turn.session_id or secrets.token_urlsafe(32)
    store = app.state.store
    rows = await store.execute_fetchall("SELECT role, content FROM turn WHERE session = ?", (session,))
    messages = [{"role": role, "content": content} for role, content in rows]
    body = {"model": "m", "messages": [*messages, {"role": "user", "content": turn.message}]}
    answer = await app.state.client.post(f"{os.environ['PROVIDER']}/chat/completions", json=body)
    reply = answer.json()["choices"][0]["message"]["content"]
    kept = ((session, "user", turn.message), (session, "assistant", reply))
    await store.executemany("INSERT INTO turn VALUES (?, ?, ?)", kept)
    await store.commit()
    return {"session_id": session, "response": reply}

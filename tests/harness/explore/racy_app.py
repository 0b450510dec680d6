"""A service that numbers the turns of a session in worker threads: what is read is written later by one more."""

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

LOOKS = 3
"""So often it looks again, where it is RACY for ever: a search that knows nothing but a log meets a wide window soon."""


class Asked(BaseModel):
    """One turn."""

    text: str
    session: str = ""


class Counts:
    """How many turns each session has had; every single call is safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def get(self, session: str) -> int:
        """The count."""
        with self._lock:
            return self._counts.get(session, 0)

    def put(self, session: str, count: int) -> None:
        """Another count."""
        with self._lock:
            self._counts[session] = count


def create(*, defects: tuple[str, ...] = (), transport: Any = None) -> FastAPI:
    """Build it; with the defect, or where it is RACY for ever, reading and writing are not one."""
    app = FastAPI(openapi_url=None)
    client = httpx.AsyncClient(transport=transport)
    counts, whole, sessions = Counts(), threading.Lock(), itertools.count(1)
    said: dict[str, list[str]] = {}

    racy = "lost_update" in defects or "RACY" in os.environ
    given: set[tuple[str, int]] = set()

    def counted(session: str) -> int:
        with contextlib.nullcontext() if racy else whole:
            number = counts.get(session) + 1
            for _ in range(LOOKS if "RACY" in os.environ else 0):
                counts.get(session)
            counts.put(session, number)
        if (session, number) in given:
            logging.getLogger("racy").warning("the number of a turn was given twice")
        given.add((session, number))
        return number

    @app.post("/turn")
    async def turn(asked: Asked) -> dict[str, Any]:
        session = asked.session or f"s{next(sessions)}"
        texts = [*said.setdefault(session, []), asked.text]
        messages = [{"role": "user", "content": text} for text in texts]
        url = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
        with contextlib.suppress(httpx.HTTPError):
            await client.post(url, json={"model": "m", "messages": messages})
        number = await asyncio.to_thread(counted, session)
        said[session].append(asked.text)
        return {"session": session, "turn": number}

    return app


class Mistake:
    """A defect as a catalogue holds it."""

    reasons = ("sessions.turns_counted",)
    summary = "two threads read the same number"


DEFECTS = {"lost_update": Mistake()}

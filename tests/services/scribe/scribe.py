"""A scribe: it notes what it is told, and logs it to a file and to its standard output. FLAWS names its mistakes.

`prints`: a turn prints a line of its own, and nobody sees to it that this may fail. `torn`: long lines go out in
pieces, and no thread waits for the other. `no_append`: the log file is written to wherever its writer has come to.
"""

import logging
import logging.handlers
import os
import queue
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, field_validator

FLAWS = frozenset(os.environ.get("FLAWS", "").split())
LOG = Path(os.environ.get("SCRIBE_LOG", "scribe.log"))
PIECE_BYTES = 64

log = logging.getLogger("scribe")


class Note(BaseModel):
    """What is to be noted."""

    text: str = Field(min_length=1, max_length=10_000)

    @field_validator("text")
    @classmethod
    def encodes(cls, text: str) -> str:
        """Refuse half a surrogate, which nobody could write down."""
        text.encode()
        return text


class Nobody:
    """A lock that lets everybody in."""

    def acquire(self) -> None:
        """Wait for nobody."""

    def release(self) -> None:
        """Keep nobody out."""

    def __enter__(self) -> None:
        """Wait for nobody."""

    def __exit__(self, *_: object) -> None:
        """Keep nobody out."""


class InPieces(logging.Handler):
    """Writes to the standard output, a piece of a line at a time."""

    def createLock(self) -> None:  # noqa: N802  # as its base has it
        """Let nobody wait."""
        self.lock = Nobody()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        line = f"{self.format(record)}\n".encode()
        for start in range(0, len(line), PIECE_BYTES):
            os.write(1, line[start : start + PIECE_BYTES])


@contextmanager
def logging_set_up() -> Iterator[None]:
    """A log whose lines a thread writes to the output: whoever stops to read it must not stop the loop."""
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(lines, logging.StreamHandler(sys.stdout))
    output = InPieces() if "torn" in FLAWS else logging.handlers.QueueHandler(lines)
    root, server = logging.getLogger(), logging.getLogger("uvicorn.access")
    server.handlers, server.propagate = [], True
    with LOG.open("w" if "no_append" in FLAWS else "a", buffering=1) as file:
        root.setLevel(logging.INFO)
        root.handlers = [output, logging.StreamHandler(file)]
        listener.start()
        yield
        root.handlers = []
        listener.stop()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Its log."""
    with logging_set_up():
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/note")
async def note(note: Note) -> dict[str, str]:
    """Hold one turn."""
    log.info("noted %d characters", len(note.text))
    if "prints" in FLAWS:
        print("noted", flush=True)  # noqa: T201  # that is the mistake
    return {"noted": note.text}


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong, without repeating it."""
    said = [{"loc": list(map(str, each["loc"])), "msg": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": said}, 422)

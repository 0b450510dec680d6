"""A service that fits on one screen: one turn over one provider call, one completion record, sessions in memory."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx

REPLY = "application/json"


def die() -> None:
    """Fail at start-up."""
    raise RuntimeError("the configuration is missing")


def breed() -> None:
    """Leave a process that ignores SIGTERM, and write its number to a pipe."""
    line = 'trap "" TERM; echo $$ > "$SMALL_CHILD"; exec sleep 600'
    subprocess.Popen(["/bin/sh", "-c", line])


AT_BUILD = {
    "dies": die,
    "exits": lambda: sys.exit(0),
    "stuck": lambda: threading.Event().wait(),
    "breeds": breed,
}


def create(*, defects=(), transport=None):
    """Build the app; of the defects `deaf` makes no provider call, `mortal` dies of a word, the others do not start as they should."""
    if ready := os.environ.get("SMALL_READY"):
        Path(ready).write_text(str(os.getpid()))  # a pipe: whoever reads it knows that the app is being built
    for defect in defects:
        AT_BUILD.get(defect, str)()
    client = httpx.AsyncClient(transport=transport, timeout=5.0)
    sessions: dict[str, list[dict[str, object]]] = {}
    locks: dict[str, asyncio.Lock] = {}

    async def turn(body: dict[str, str], request_id: str) -> tuple[int, dict[str, object]]:
        if "mortal" in defects and body["text"] == "die":
            os._exit(7)
        session = body.get("session") or f"s{len(sessions)}"
        turns = sessions.setdefault(session, [])
        async with locks.setdefault(session, asyncio.Lock()):
            if "deaf" not in defects:
                await ask(client, [*(turn["message"] for turn in turns), body["text"]], request_id)
            return 200, {"session_id": session, **kept(turns, body["text"], request_id)}

    async def answer(scope, body: bytes, request_id: str) -> tuple[int, object]:
        path = scope["path"]
        if path == "/turn":
            return await turn(json.loads(body), request_id)
        return 200, {"turns": sessions.get(path.rpartition("/")[2], [])}

    async def app(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send, client, defects)
            return
        request_id, body = await asked(scope, receive)
        await respond(send, *await answer(scope, body, request_id), request_id)

    return app


def kept(turns: list[dict[str, object]], text: str, request_id: str) -> dict[str, object]:
    """Keep a turn, and say what there is to say of it."""
    number = len(turns) + 1
    turns.append({"turn": number, "message": text, "response": "yes", "request_id": request_id})
    return {"turn": number, "response": "yes", "method": "first", "fallbacks": []}


async def ask(client: httpx.AsyncClient, texts: list[object], request_id: str) -> None:
    """One provider call; what it answers is of no interest here."""
    url = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
    messages = [{"role": "user", "content": text} for text in texts]
    await client.post(url, json={"model": "m", "messages": messages}, headers={"x-request-id": request_id})


async def asked(scope, receive) -> tuple[str, bytes]:
    """The id and the body of a request."""
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    return headers.get("x-request-id", "none"), (await receive()).get("body", b"")


async def respond(send, status: int, content: object, request_id: str) -> None:
    """Send the answer, then write its completion record."""
    sent = [(b"content-type", REPLY.encode()), (b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
    record = {
        "event": "done",
        "request_id": request_id,
        "status_code": status,
        "success": True,
        "complete": True,
    }
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


async def lifespan(receive, send, client: httpx.AsyncClient, defects) -> None:
    """Start and stop."""
    await receive()
    if "storeless" in defects:
        raise RuntimeError("the store is away")
    if "exits_late" in defects:
        sys.exit(0)
    if "unending" in defects:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await client.aclose()
    await send({"type": "lifespan.shutdown.complete"})


class Mistake:
    """A defect as a catalogue holds it: what it does wrong, and the invariants that must catch it."""

    def __init__(self, summary: str, *reasons: str) -> None:
        self.summary = summary
        self.reasons = reasons


DEFECTS = {
    "deaf": Mistake("answers without asking the provider", "degradation.explained"),
    "dies": Mistake("does not start", "outcome.status_in_contract"),
}

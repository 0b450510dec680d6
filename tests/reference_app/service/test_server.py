"""Behind a real uvicorn: what it prints itself, bodies that stay half sent, a log that nobody reads, and upgrades."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from reference_app.security import digest, short

HANG_S = 60.0
ACCESS = re.compile(r'INFO: +\S+ - "[A-Z]+ \S+ HTTP/1.1" \d{3} [A-Za-z ]+')
HALF = b"POST /workflow/execute HTTP/1.1\r\nhost: x\r\nx-request-id: half\r\ncontent-length: 100\r\n\r\n{"


@dataclass(kw_only=True)
class Server:
    """A running server, and the end of the pipe that its output goes into."""

    process: asyncio.subprocess.Process
    port: int
    reads: int

    async def ended(self) -> tuple[list[str], str]:
        """Wait for the end of the process: the lines of its output, and its standard error."""
        with os.fdopen(self.reads, encoding="ascii", closefd=False) as output:
            lines = await asyncio.to_thread(output.readlines)
        assert self.process.stderr is not None
        errors = (await self.process.stderr.read()).decode()
        await self.process.wait()
        return lines, errors

    async def sent(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send bytes by a connection of their own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        await writer.drain()
        return reader, writer


@asynccontextmanager
async def served(*arguments: str, **environment: str) -> AsyncIterator[Server]:
    """Start the documented command, with nobody who reads its output yet."""
    reads, writes = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "reference_app.app:app", "--port", "0", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=writes,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writes)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(HANG_S):
            while b"running on" not in (line := await process.stderr.readline()):
                assert line, "the server did not start"
            port = int(line.decode().split("running on http://127.0.0.1:")[1].split()[0])
            yield Server(process=process, port=port, reads=reads)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reads)


def completions(lines: list[str]) -> list[dict[str, Any]]:
    """The completion records among the lines."""
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in records if record["event"] == "api_request_complete"]


async def test_no_line_of_the_server_holds_a_session_id() -> None:
    """Access lines and refused upgrades name a session by the same short hash as the app's log, and are still there."""
    async with served() as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
            session = (await client.post("/workflow/execute", json={"message": "hi"})).json()["session_id"]
            for path in (
                f"/sessions/{session}",
                f"/sessions/{session}/",
                f"/x/sessions/{session}?x={session}",
            ):
                await client.get(path)
            await client.get("/health?x=1")
        reader, writer = await server.sent(handshake(f"/sessions/{session}"))
        await reader.read()
        writer.close()
        server.process.send_signal(signal.SIGTERM)
        lines, errors = await server.ended()
    text = "".join(lines) + errors
    known = short(digest(session))
    assert session not in text
    assert f'"GET /sessions/{known} HTTP/1.1" 200 OK' in text
    assert f'"WebSocket /sessions/{known}" 404' in errors
    assert '"POST /workflow/execute HTTP/1.1" 200 OK' in text
    assert '"GET /health?x=1 HTTP/1.1" 200 OK' in text
    assert known in {record["session"] for record in completions(lines)}


@pytest.mark.parametrize(
    ("arguments", "deadline_s", "status"),
    [((), "0.5", 422), (("--timeout-graceful-shutdown", "1"), "30", 503)],
    ids=["the deadline", "the server's patience"],
)
async def test_a_body_that_stays_half_sent_does_not_keep_the_server(
    arguments: tuple[str, ...], deadline_s: str, status: int
) -> None:
    """After SIGTERM such a request is answered by a problem, the log agrees with the wire, and the process ends."""
    async with served(*arguments, APP_DEADLINE_S=deadline_s) as server:
        reader, writer = await server.sent(HALF)
        async with httpx.AsyncClient(trust_env=False) as client:
            # Another connection's answer proves that the half body has been read.
            await client.get(f"http://127.0.0.1:{server.port}/health")
        server.process.send_signal(signal.SIGTERM)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        lines, _ = await server.ended()
    assert int(head.split()[1]) == json.loads(body)["status"] == status
    assert b"application/problem+json" in head
    (record,) = [record for record in completions(lines) if record["request_id"] == "half"]
    assert (record["status_code"], record["complete"]) == (status, True)


async def test_an_output_that_nobody_reads_stops_no_request() -> None:
    """With the pipe full the service goes on answering; read at last, it holds every line, whole and in order."""
    asked = [f"r{number}" for number in range(500)]
    async with served() as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
            for request_id in asked:
                answer = await client.get("/health", headers={"x-request-id": request_id})
                assert answer.status_code == 200
        ended = asyncio.ensure_future(server.ended())
        server.process.send_signal(signal.SIGTERM)
        lines, _ = await ended
    assert sum(len(line) for line in lines) > 65536
    assert [record["request_id"] for record in completions(lines)] == asked
    # The access line of a request is written when its answer begins, so it comes first.
    kinds = ["record" if line.startswith("{") else "access" for line in lines]
    assert kinds == ["access", "record"] * len(asked)
    assert all(ACCESS.fullmatch(line.rstrip("\n")) for line in lines[::2])


async def test_an_upgrade_is_refused_with_a_record() -> None:
    """A WebSocket's handshake gets a problem with its request's id, no key is needed for it, and it is recorded once."""
    async with served(APP_API_KEYS="secret-key") as server:
        reader, writer = await server.sent(handshake("/health"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        server.process.send_signal(signal.SIGTERM)
        lines, errors = await server.ended()
    assert int(head.split()[1]) == json.loads(body)["status"] == 404
    assert b"x-request-id: up" in head.lower()
    (record,) = completions(lines)
    assert (record["request_id"], record["status_code"], record["complete"]) == ("up", 404, True)
    assert (record["method"], record["route"], record["outcome"]) == ("GET", "unmatched", "client_error")
    assert "Traceback" not in errors


def handshake(path: str) -> bytes:
    """A WebSocket's opening request."""
    lines = [
        f"GET {path} HTTP/1.1",
        "host: x",
        "x-request-id: up",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    return "\r\n".join([*lines, "", ""]).encode()

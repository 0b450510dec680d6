"""A service of a few lines that a load can be put on, with the mistakes that a test asks for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.load.options import LoadOptions
from harness.load.target import LoadTarget, Starter
from harness.targets.witness import NONCE_HEADER


@dataclass
class Stub:
    """Answers turns as the reference service would, and logs and counts them.

    It stalls for the first `stall_s` of every `stall_every_s` seconds. `status` is answered to every `wrong_every`-th turn, and `logged` is what the log says of it. `nonce_sent` is the
    nonce of its answers (`swaps_after` so many turns it is another's), `uncounted` how many turns its metrics forget, `dies_after` after how many turns it counts
    as dead, `answer_s` how long an answer takes, and
    `metric` the name under which it counts. `logged_nowhere`: nobody can read its log.
    """

    status: int = 200
    wrong_every: int = 1
    logged: int | None = None
    nonce_sent: str = "nonce"
    swaps_after: int | None = None
    uncounted: int = 0
    dies_after: int | None = None
    answer_s: float = 0.0
    metric: str = "app_responses_total"
    turns: Counter[str] = field(default_factory=Counter)
    logged_nowhere: bool = False
    stall_s: float = 0.0
    stall_every_s: float = 5.0
    served: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request_id: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One turn."""
        self.served += 1
        status = self.status if self.served % self.wrong_every == 0 else 200
        session = body.get("session_id") or f"session-{self.served}"
        self.turns[session] += 1
        logged = self.logged if self.logged is not None and status == self.status else status
        if status == 200:
            self.log.append({"event": "intent_classification_success", "request_id": request_id})
        done = {"status_code": logged, "success": logged < 400, "complete": True}
        self.log.append({"event": "api_request_complete", "request_id": request_id, **done})
        if status != 200:
            return status, {"status": status}
        said = {"method": "conversation_aware", "degraded": False}
        return 200, {"session_id": session, "turn": self.turns[session], **said}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                status, said = self.answer(headers["x-request-id"], orjson.loads(body))
                is_swapped = self.swaps_after is not None and self.served > self.swaps_after
                await asyncio.sleep(self.answer_s + self._stalled_s())
                out = orjson.dumps(said)
                nonce = "another" if is_swapped else self.nonce_sent
                fields = f"content-length: {len(out)}\r\n{NONCE_HEADER}: {nonce}\r\n"
                writer.write(f"HTTP/1.1 {status} OK\r\n{fields}\r\n".encode() + out)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _stalled_s(self) -> float:
        """For how long it goes on to stall."""
        return max(0.0, self.stall_s - asyncio.get_running_loop().time() % self.stall_every_s)

    @asynccontextmanager
    async def start(self, options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
        """Serve; the log is written when the block ends."""
        path = directory / "stub.log"
        path.touch()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        route = options.profile.turn.path

        async def metrics() -> str:
            return f'{self.metric}{{route="{route}",status="200"}} {max(0, self.served - self.uncounted)}\n'

        try:
            yield LoadTarget(
                base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
                logs={} if self.logged_nowhere else {"app": path},
                alive=lambda: self.dies_after is None or self.served < self.dies_after,
                nonce="nonce",
                metrics=metrics,
            )
        finally:
            server.close()
            path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in self.log))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no subject of these tests: its doubts have tests of their own, in which nothing has to be quick."""
    monkeypatch.setattr("harness.load.validity.DRIFT_S_LEAST", 30.0)
    monkeypatch.setattr("harness.load.validity.STILL_S_MAX", 30.0)
    monkeypatch.setattr("harness.load.validity.STILL_S_LEAST", 30.0)
    monkeypatch.setattr("harness.load.validity.CPU_MAX", 30.0)


@pytest.fixture
def stub() -> Callable[..., Starter]:
    """A starter of a stub with these mistakes."""
    return lambda **mistakes: Stub(**mistakes).start

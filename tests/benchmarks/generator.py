"""A closed-loop HTTP generator that is far cheaper than what it measures: raw bytes over asyncio protocols."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import orjson


@dataclass(slots=True)
class Load:
    """What one burst saw: latencies in seconds of answers with the wanted status, and how many others."""

    latencies_s: list[float] = field(default_factory=list)
    wrong: int = 0
    elapsed_s: float = 0.0

    @property
    def rate_per_s(self) -> float:
        """Right answers a second."""
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` of the right answers kept to, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Conversation:
    """Bodies of turns: a new conversation after every fifth turn, its session taken from the first answer."""

    def __init__(self, path: str, *, turns: int = 5) -> None:
        self._path = path
        self._turns = turns
        self._session: str | None = None
        self._turn = 0

    def request(self) -> bytes:
        """The next request, whole."""
        body = {"message": "Please write an e-mail to my team"}
        if self._session is not None:
            body["session_id"] = self._session
        payload = orjson.dumps(body)
        head = f"POST {self._path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload

    def answered(self, body: bytes) -> None:
        """Take the session from the answer, and drop it after the last turn."""
        self._turn += 1
        self._session = None if self._turn % self._turns == 0 else orjson.loads(body).get("session_id")


class _Connection(asyncio.Protocol):
    """One connection that asks again as soon as it was answered, until it is told to stop."""

    def __init__(self, conversation: Conversation, load: Load, until: float) -> None:
        self._conversation = conversation
        self._load = load
        self._until = until
        self._buffer = b""
        self._sent = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so
        self._ask()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._conversation.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        now = time.perf_counter()
        self._buffer = b""
        if head.startswith(b"HTTP/1.1 200"):
            self._load.latencies_s.append(now - self._sent)
            self._conversation.answered(rest)
        else:
            self._load.wrong += 1
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def burst(port: int, path: str, *, connections: int, for_s: float) -> Load:
    """Keep so many connections busy for so long."""
    load = Load()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: _Connection(Conversation(path), load, began + for_s), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    load.elapsed_s = time.perf_counter() - began
    return load

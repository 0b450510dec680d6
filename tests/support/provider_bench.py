"""A provider behind each of its doors, its parts, and a clock that stands still: fixtures for two folders of tests."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from harness.provider import Link, ProviderServer, Script, SimulatedTransport, Witness
from harness.rig import Rig
from harness.targets.real import RealClock

HANG_S = 10.0
KEY = "secret"
JSON_PROMPT = "Classify the message. Answer in JSON."
SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"type": "string", "enum": ["email_request", "help_request", "greeting", "unclear"]},
        "confidence": {"type": "number"},
    },
    "required": ["intent", "confidence"],
    "additionalProperties": False,
}


class StillClock:
    """A clock whose sleepers never wake: what only time could bring about does not come about."""

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class ToldWitness(Witness):
    """A witness that a test can wait for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.call_began = asyncio.Event()
        self.call_aborted = asyncio.Event()

    def begin(self, **said: Any) -> int:
        ordinal = super().begin(**said)
        self.call_began.set()
        return ordinal

    def aborted(self, ordinal: int) -> None:
        super().aborted(ordinal)
        self.call_aborted.set()


def events(answer: httpx.Response) -> list[Any]:
    """The events of a stream, each parsed; the end of one that is whole is the text `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def heard(answer: httpx.Response) -> Any:
    """What a completion says, whole or as a stream, without what numbers it; of another answer, its status."""
    if answer.status_code != httpx.codes.OK:
        return answer.status_code
    if answer.headers["content-type"] != "text/event-stream":
        return answer.json()["choices"][0]["message"]["content"]
    chunks = [event for event in events(answer) if event != "[DONE]"]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


@dataclass
class Bench:
    """A provider behind one of its doors, with a real httpx client in front."""

    door: str
    client: httpx.AsyncClient
    script: Script
    witness: ToldWitness
    rig: Rig
    fired: list[tuple[str, str]] = field(default_factory=list)

    async def ask(
        self,
        message: str = "Can you write an e-mail?",
        *,
        before: tuple[tuple[str, str], ...] = (),
        system: str = JSON_PROMPT,
        structured: bool = False,
        stream: bool = False,
        timeout_s: float = HANG_S,
        **headers: str,
    ) -> httpx.Response:
        body: dict[str, Any] = {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": system},
                *({"role": role, "content": text} for role, text in before),
                {"role": "user", "content": message},
            ],
        }
        if structured:
            wanted = {"name": "classification", "strict": True, "schema": SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if stream:
            body["stream"] = True
        said = {"x-request-id": "req-1", "authorization": f"Bearer {KEY}", **headers}
        return await self.client.post("chat/completions", json=body, headers=said, timeout=timeout_s)


@pytest.fixture(params=["in_process", "tcp"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The provider in process and over TCP: what a test says here holds behind both doors."""
    fired: list[tuple[str, str]] = []

    def record(fault: str, detail: str) -> None:
        fired.append((fault, detail))

    witness = ToldWitness(now=time.monotonic)
    script = Script(witness=witness, fired=record, random=random.Random(7))
    clock = RealClock()
    if request.param == "in_process":
        link = Link(fired=record)
        transport = SimulatedTransport(script, witness, link=link, clock=clock)
        rig = Rig(provider=script, network=link, clock=clock)
        async with httpx.AsyncClient(transport=transport, base_url="http://provider.test/v1/") as client:
            yield Bench(request.param, client, script, witness, rig, fired)
        return
    async with ProviderServer(script, witness, fired=record) as server:
        rig = Rig(provider=script, network=server, clock=clock)
        async with httpx.AsyncClient(base_url=f"{server.base_url}/", trust_env=False) as client:
            yield Bench(request.param, client, script, witness, rig, fired)


@pytest.fixture
def still_clock() -> StillClock:
    """A clock that never lets a sleeper wake."""
    return StillClock()


@dataclass
class Parts:
    """A script and its witness, with what was recorded as fired."""

    script: Script
    witness: ToldWitness
    fired: list[tuple[str, str]]

    def record(self, fault: str, detail: str) -> None:
        self.fired.append((fault, detail))


@pytest.fixture
def parts() -> Parts:
    """A script and its witness, behind no door yet."""
    fired: list[tuple[str, str]] = []
    witness = ToldWitness(now=time.monotonic)
    script = Script(
        witness=witness, fired=lambda fault, detail: fired.append((fault, detail)), random=random.Random(7)
    )
    return Parts(script, witness, fired)

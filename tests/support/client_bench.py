"""A target that only notes what it is sent and answers as it is told to, for the driver and the clients' faults."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar

import orjson

from harness.history import Contract, Exchange, FaultFired
from harness.provider.script import Script
from harness.provider.witness import Witness
from harness.rig import Call, Incoming, Outgoing, Rig, Window
from harness.scenario import Step, Turn
from harness.targets.driven import Job, Recorder
from harness.targets.driver import Driver
from harness.targets.profile import Profile
from harness.targets.template import TurnTemplate

NONCE = "bench"


Rule = Callable[[Outgoing, Any], Awaitable[Incoming]]


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """A fault that is its rule."""

    name: ClassVar[str] = "test.ruled"
    rule: Rule
    window: Window = Window()  # noqa: RUF009  # frozen

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        assert rig.client is not None
        return rig.client.wrapped(self.name, self.rule, self.window)


class SwiftClock:
    """A clock on which any time passes in one turn of the loop."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def answer(body: Any, *, status: int = 200, media: str = "application/json", **said: Any) -> Incoming:
    """An answer of the target."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"x-shakeout-nonce": NONCE, "content-type": media}
    return Incoming(status=status, headers=headers, body=data, **said)


class Bench:
    """The target (`harness.targets.driven.Driven`), and all that was sent to it; `answers` may take its place."""

    def __init__(self, address: tuple[str, int] | None = None) -> None:
        self.clock = SwiftClock()
        no_seam: Any = None
        self.recorder = Recorder(monotonic=self.clock.monotonic)
        witness = Witness(now=self.clock.monotonic)
        self.script = Script(witness=witness, fired=self.recorder.fired, random=Random(1))
        self.rig = Rig(provider=self.script, network=no_seam, clock=self.clock)
        self.asks = 0
        self.address = address
        self.sent: list[Outgoing] = []
        self.leaves: list[float | None] = []
        self.answers: Callable[[Outgoing], Awaitable[Incoming]] = self.honest
        self._sessions = 0

    async def honest(self, outgoing: Outgoing) -> Incoming:
        """What a sound service answers."""
        try:
            body = orjson.loads(outgoing.body)
            text = body["message"]
        except (ValueError, LookupError, TypeError):
            return answer({"error": "no turn"}, status=422)
        for _ in range(self.asks):
            await self.ask(text, outgoing.headers["x-request-id"])
        self._sessions += "session" not in body
        return answer({"sid": body.get("session", f"s{self._sessions}"), "text": f"re {text}"})

    async def ask(self, text: str, request_id: str | None = None) -> None:
        """Ask the provider, as a service does for each turn so often as `asks` says."""
        said = {"messages": [{"role": "user", "content": f"The user says: {text}"}]}
        call = Call(ordinal=1, level="conversation", request_id=request_id, headers={}, body=said)
        await self.script.answer(call)

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        self.sent.append(outgoing)
        self.leaves.append(leave_after_s)
        if outgoing.method == "GET":
            return answer({"read": outgoing.path})
        return await self.answers(outgoing)

    def playing(self) -> nullcontext[None]:
        return nullcontext()

    async def probe(self) -> dict[str, float]:
        return {"loop_lag_ms_max": 0.0, "tasks": 1, "threads": 1, "descriptors": 1}

    async def restart(self, *, kill: bool) -> None:
        raise NotImplementedError

    async def objects(self) -> int:
        raise NotImplementedError

    async def play(
        self,
        *steps: Step,
        faults: tuple[Any, ...] = (),
        promises: Mapping[str, Any] = MappingProxyType({}),
        **turn: Any,
    ) -> Driver:
        """Play steps, by default one turn that opens session a and one more, with `turn` in the profile's template."""
        body = {"message": "{message}", "session": "{session}"}
        template = TurnTemplate(
            **{"path": "/turn", "body": body, "session": "/sid", "reply": "/text", **turn}
        )
        contract = Contract(
            turn_path="/turn", deadline_s=1.0, statuses=(200,), reply_pointer=template.reply, **promises
        )
        profile = Profile(name="bench", turn=template, contract=contract, origin="bench", app="bench:app")
        played = steps or (Turn(message="open"), Turn(message="go on"))
        job = Job(name="bench", arm="faulted", steps=played, faults=faults, profile=profile, seed=1)
        driver = Driver(job, self, self.recorder, nonce=NONCE)
        await driver.play()
        return driver

    def exchanges(self, role: str) -> list[Exchange]:
        """What was recorded under a role."""
        return [one for one in self.recorder.records if isinstance(one, Exchange) and one.role == role]

    @property
    def fired(self) -> list[str]:
        """The faults that fired, in order."""
        return [record.fault for record in self.recorder.records if isinstance(record, FaultFired)]

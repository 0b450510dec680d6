"""The service and the simulated provider together: each reason for which a level falls through, and what history does.

The provider's script produces each reason, in process and over TCP, where the client is the production one; the answer,
the log and the metric must all name it.
"""

import asyncio
import json
import math
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.faults import (
    NetworkRefused,
    ProviderBadScore,
    ProviderClientError,
    ProviderContentFilter,
    ProviderFinishLength,
    ProviderHugeBody,
    ProviderLowScore,
    ProviderMalformedJson,
    ProviderNoReply,
    ProviderRateLimited,
    ProviderRefusal,
    ProviderSchemaMisfit,
    ProviderServerError,
    ProviderTruncatedBody,
)
from harness.provider import Link, ProviderServer, Script, SimulatedTransport, Witness
from harness.rig import Fault, NetworkSeam, Rig, Window
from harness.targets.driven import Recorder
from harness.targets.lifespan import Lifespan
from harness.targets.real import RealClock
from reference_app.contract import ANSWERS_NOT_FAULTS, FallbackReason
from reference_app.rehearsal import create

PLAN_INPUT = "Hi! How can you help me?"
FIRST = Window(level="conversation")

FAULTS: list[tuple[str, Any]] = [
    ("connect_failed", NetworkRefused()),
    ("read_timeout", ProviderNoReply(for_s=5.0, window=FIRST)),
    ("rate_limited", ProviderRateLimited(window=FIRST)),
    ("quota_exhausted", ProviderRateLimited(code="insufficient_quota", window=FIRST)),
    ("provider_error", ProviderServerError(status=500, window=FIRST)),
    ("provider_error", ProviderServerError(status=529, body="empty", window=FIRST)),
    ("provider_error", ProviderTruncatedBody(window=FIRST)),
    ("unauthorized", ProviderClientError(status=401, window=FIRST)),
    ("unauthorized", ProviderClientError(status=403, window=FIRST)),
    ("bad_request", ProviderClientError(status=400, window=FIRST)),
    ("bad_request", ProviderClientError(status=404, window=FIRST)),
    ("invalid_envelope", ProviderMalformedJson(form="html", window=FIRST)),
    ("invalid_envelope", ProviderSchemaMisfit(form="empty_choices", window=FIRST)),
    ("invalid_envelope", ProviderHugeBody(window=FIRST)),
    ("truncated", ProviderFinishLength(content="null", window=FIRST)),
    ("truncated", ProviderFinishLength(content="valid_prefix", window=FIRST)),
    ("content_filtered", ProviderContentFilter(window=FIRST)),
    ("refused", ProviderRefusal(window=FIRST)),
    ("invalid_json", ProviderMalformedJson(form="truncated", window=FIRST)),
    ("schema_mismatch", ProviderSchemaMisfit(form="missing_key", window=FIRST)),
    ("unknown_label", ProviderSchemaMisfit(form="unknown_label", window=FIRST)),
    ("low_confidence", ProviderLowScore(value=0.7, window=FIRST)),
    ("low_confidence", ProviderBadScore(value=math.nan, window=FIRST)),
    ("low_confidence", ProviderBadScore(value=math.inf, window=FIRST)),
    ("low_confidence", ProviderBadScore(value=-1.0, window=FIRST)),
    ("low_confidence", ProviderBadScore(value=1.7, window=FIRST)),
    ("schema_mismatch", ProviderBadScore(value="0.9", window=FIRST)),
]
each_fault = pytest.mark.parametrize(
    ("reason", "fault"), FAULTS, ids=lambda value: getattr(value, "name", value)
)
each_door = pytest.mark.parametrize("door", ["process", "tcp"])


class Service:
    """A running app with its provider: `say` holds a turn, `log` is what was logged, `rig` takes faults."""

    def __init__(self, client: httpx.AsyncClient, rig: Rig, log: Path, witness: Witness) -> None:
        self.client = client
        self.rig = rig
        self.witness = witness
        self._log = log

    async def say(self, message: str = PLAN_INPUT, session: str | None = None) -> dict[str, Any]:
        """Hold one turn."""
        body = {"message": message} | ({"session_id": session} if session else {})
        answer = await self.client.post("/workflow/execute", json=body)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def log(self, event: str) -> list[dict[str, object]]:
        """The records of one event."""
        records = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [record for record in records if record["event"] == event]

    async def fallbacks(self, level: str, reason: str) -> float:
        """What the metric counts."""
        text = (await self.client.get("/metrics")).text
        start = f'app_fallbacks_total{{level="{level}",reason="{reason}"}} '
        return sum(float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start))

    async def agrees(self, answer: dict[str, Any], reason: str) -> None:
        """Hold answer, log and metric to one reason of the first level."""
        first = answer["fallbacks"][0]
        assert (first["level"], first["reason"]) == ("conversation_aware", reason)
        assert answer["degraded"] is (FallbackReason(reason) not in ANSWERS_NOT_FAULTS)
        assert reason in [record["reason"] for record in self.log("conversation_aware_classification_failed")]
        assert await self.fallbacks("conversation_aware", reason) >= 1

    async def agrees_below(self, answer: dict[str, Any], reason: str) -> None:
        """Hold answer and metric to one reason of the second level, and the answer to the third."""
        (second,) = answer["fallbacks"][1:]
        assert (second["level"], second["reason"]) == ("structured_llm", reason)
        assert answer["method"] == "pattern"
        assert await self.fallbacks("structured_llm", reason) == 1


@asynccontextmanager
async def wired(
    door: str, script: Script, witness: Witness, recorder: Recorder
) -> AsyncIterator[tuple[NetworkSeam, httpx.AsyncBaseTransport | None, str | None]]:
    """The provider behind one door: what faults of the network act on, and either a transport or an address."""
    if door == "tcp":
        async with ProviderServer(script, witness, fired=recorder.fired) as server:
            yield server, None, server.base_url
    else:
        link = Link(fired=recorder.fired)
        yield link, SimulatedTransport(script, witness, link=link, clock=RealClock()), None


@asynccontextmanager
async def running(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app as the environment says, from its start to its end."""
    app = create(transport=transport)
    life = Lifespan(app)
    await life.start()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            yield client
    finally:
        await life.stop()


Serve = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Starts the app over the simulated provider, with settings by environment."""

    @asynccontextmanager
    async def start(door: str = "process", **environment: str) -> AsyncIterator[Service]:
        log = tmp_path / "app.log"
        place = {"LOG_FILE": str(log), "APP_STORE_URL": f"sqlite:///{tmp_path}/sessions.db"}
        for name, value in {**place, **environment}.items():
            monkeypatch.setenv(name, value)
        recorder = Recorder()
        witness = Witness(now=recorder.now)
        script = Script(witness=witness, fired=recorder.fired, random=random.Random(1))
        async with wired(door, script, witness, recorder) as (network, transport, address):
            monkeypatch.setenv("APP_PROVIDER_URL", address or "")
            rig = Rig(provider=script, network=network, clock=RealClock())
            async with running(transport) as client:
                yield Service(client, rig, log, witness)

    return start


@each_door
@each_fault
async def test_a_fault_of_the_provider_has_one_reason_everywhere(
    serve: Serve, door: str, reason: str, fault: Fault
) -> None:
    """The first level falls through for just this reason in answer, log and metric, and a lower level answers 200."""
    async with serve(door) as service:
        async with fault.inject(service.rig):
            answer = await service.say()
        await service.agrees(answer, reason)
        if isinstance(fault, NetworkRefused):
            await service.agrees_below(answer, reason)
        elif reason == "quota_exhausted":  # which no waiting mends
            await service.agrees_below(answer, "circuit_open")
            return
        else:
            assert answer["method"] == "structured_llm"
        assert (await service.say())["method"] == "conversation_aware", "what broke has mended"


@each_door
@each_fault
async def test_a_fault_of_both_levels_has_its_reason_at_both(
    serve: Serve, door: str, reason: str, fault: Any
) -> None:
    """Where the fault meets both levels the second names it too, in answer and metric, and the patterns answer."""
    async with serve(door) as service:
        async with replace(fault, window=Window()).inject(service.rig):
            answer = await service.say()
        await service.agrees(answer, reason)
        await service.agrees_below(answer, "circuit_open" if reason == "quota_exhausted" else reason)


def test_the_set_of_reasons_is_closed() -> None:
    """Every reason of the contract is a parameter of some test here, and no other is."""
    marks = [mark for function in vars(sys.modules[__name__]).values() for mark in marks_of(function)]
    assert set(chain.from_iterable(map(reasons_of, marks))) == set(FallbackReason)


def marks_of(function: object) -> list[pytest.Mark]:
    """The parametrizations of a test; none of anything else."""
    is_test = getattr(function, "__name__", "").startswith("test_")
    return [mark for mark in getattr(function, "pytestmark", ()) if is_test and mark.name == "parametrize"]


def reasons_of(mark: pytest.Mark) -> list[str]:
    """The reasons among the values of a parametrization."""
    names, values = mark.args
    if names == "reason":
        return list(values)
    return [value[names.index("reason")] for value in values] if "reason" in names else []


@pytest.mark.parametrize("reason", ["no_provider"])
async def test_without_a_provider_the_patterns_say_so(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing configured both levels fall through with no_provider, and the app says that it is degraded."""
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "app.log"))
    async with running() as client:
        service = Service(client, None, tmp_path / "app.log", None)  # type: ignore[arg-type]  # there is no provider
        answer = await service.say()
        await service.agrees(answer, reason)
        await service.agrees_below(answer, reason)
        assert answer["degraded"] is True


@pytest.mark.parametrize("reason", ["circuit_open"])
async def test_an_open_circuit_has_its_reason(serve: Serve, reason: str) -> None:
    """After enough failures the provider is not asked any more, and both levels say circuit_open."""
    async with serve(APP_BREAKER_FAILURES="2") as service:
        async with ProviderServerError(status=500).inject(service.rig):
            await service.say()
            asked = service.witness.calls
            answer = await service.say()
        await service.agrees(answer, reason)
        await service.agrees_below(answer, reason)
        assert service.witness.calls == asked


@pytest.mark.parametrize("reason", ["deadline"])
async def test_a_budget_that_runs_out_has_its_reason(serve: Serve, reason: str) -> None:
    """Where the request's own deadline ends a level, and not the level's cap, the reason is deadline."""
    async with serve(APP_DEADLINE_S="0.4") as service:
        async with ProviderNoReply(for_s=5.0, window=FIRST).inject(service.rig):
            answer = await service.say()
        await service.agrees(answer, reason)
        await service.agrees_below(answer, reason)


@pytest.mark.parametrize("reason", ["pool_timeout"])
async def test_a_pool_that_is_taken_has_its_reason(serve: Serve, reason: str) -> None:
    """With one connection held by a stalled call, the next turn falls through with pool_timeout."""
    async with serve(APP_PROVIDER_CONNECTIONS_MAX="1") as service, AsyncExitStack() as stack:
        await stack.enter_async_context(ProviderNoReply(for_s=5.0).inject(service.rig))
        answers = await asyncio.gather(service.say(), service.say(), service.say())
        reasons = {answer["fallbacks"][0]["reason"]: answer for answer in answers}
        assert "read_timeout" in reasons
        await service.agrees(reasons[reason], reason)


async def test_the_same_message_after_two_histories_gets_two_intents(serve: Serve) -> None:
    """`Yes, please.` after an offer of an e-mail and after a complaint are two intents, by the conversation alone."""
    async with serve() as service:
        offered = await service.say("Can you write e-mails?")
        complained = await service.say("This is useless, it is broken again.")
        after_offer = await service.say("Yes, please.", str(offered["session_id"]))
        after_complaint = await service.say("Yes, please.", str(complained["session_id"]))
    assert {answer["method"] for answer in (after_offer, after_complaint)} == {"conversation_aware"}
    assert after_offer["intent"] != after_complaint["intent"]


async def test_only_the_first_level_failing_means_the_second_answers_and_both_the_third(serve: Serve) -> None:
    """Every level is reachable: each answers when those before it fail."""
    async with serve() as service:
        methods = [(await service.say())["method"]]
        async with ProviderServerError(status=500, window=FIRST).inject(service.rig):
            methods.append((await service.say())["method"])
        async with ProviderServerError(status=500).inject(service.rig):
            methods.append((await service.say())["method"])
    assert methods == ["conversation_aware", "structured_llm", "pattern"]

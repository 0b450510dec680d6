"""Doubles and factories for the tests of the chain."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvloop

from reference_app.breaker import CircuitBreaker
from reference_app.bridge import Bridge
from reference_app.classifier import IntentClassifier
from reference_app.context import REQUEST, RequestContext
from reference_app.contract import FallbackReason, Method, Turn, UserIntent
from reference_app.observability import Metrics
from reference_app.provider import ProviderClient
from reference_app.settings import Settings


@dataclass
class Recorder:
    """A logger that keeps what it was told: (level, event, fields)."""

    records: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def debug(self, event: str, **fields: Any) -> None:
        self.records.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.records.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.records.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.records.append(("error", event, fields))

    def exception(self, event: str, **fields: Any) -> None:
        self.records.append(("exception", event, fields))

    def events(self) -> list[str]:
        return [event for _, event, _ in self.records]

    def fields(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.records if name == event]


class CountingMetrics(Metrics):
    """Metrics that keep their calls in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, ...]] = []

    def classified(self, method: Method) -> None:
        self.calls.append(("classified", method.value))

    def fell_back(self, level: Method, reason: FallbackReason) -> None:
        self.calls.append(("fell_back", level.value, reason.value))


Handler = Callable[[httpx.Request], Any]


@dataclass
class Chain:
    """A classifier with everything that it was built from."""

    classifier: IntentClassifier
    breaker: CircuitBreaker
    bridge: Bridge
    log: Recorder
    metrics: CountingMetrics


def build(handler: Handler | None, kind: type[IntentClassifier] = IntentClassifier, **settings: Any) -> Chain:
    """A chain whose provider is `handler`; without one, a chain without a provider."""
    log, metrics = Recorder(), CountingMetrics()
    url = None if handler is None else "http://provider.invalid/v1"
    chosen = Settings(provider_url=url, **settings)
    client = None if handler is None else ProviderClient(chosen, transport=httpx.MockTransport(handler))
    breaker = CircuitBreaker(
        model=chosen.provider_model,
        failures=chosen.breaker_failures,
        open_s=chosen.breaker_open_s,
        lease_s=chosen.breaker_lease_s,
        changed=metrics.breaker_changed,
    )
    bridge = Bridge(log=log)
    classifier = kind(
        settings=chosen, client=client, breaker=breaker, bridge=bridge, log=log, metrics=metrics
    )
    return Chain(classifier, breaker, bridge, log, metrics)


def completion(content: Any, *, finish: str | None = "stop", refusal: str | None = None) -> httpx.Response:
    """The 200 of a provider whose model wrote `content` (text as it is, anything else as JSON)."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return httpx.Response(200, json={"choices": [{"index": 0, "message": message, "finish_reason": finish}]})


def is_structured(request: httpx.Request) -> bool:
    return "response_format" in json.loads(request.content)


def healthy(request: httpx.Request) -> httpx.Response:
    """A provider that answers both levels well."""
    if is_structured(request):
        return completion({"intent": "email_request", "confidence": 0.93})
    return completion({"intent": "question", "confidence": 0.95, "reply": "Gladly."})


def turn(sequence: int, message: str, response: str = "Noted.") -> Turn:
    return Turn(
        sequence=sequence,
        message=message,
        response=response,
        intent=UserIntent.UNCLEAR,
        method=Method.PATTERN,
        request_id=f"r{sequence}",
        created_at="2026-01-01T00:00:00Z",
    )


class Kit:
    """What the tests build with."""

    completion = staticmethod(completion)
    healthy = staticmethod(healthy)
    is_structured = staticmethod(is_structured)
    turn = staticmethod(turn)

    def __init__(self, build: Callable[..., Chain]) -> None:
        self.build = build


@pytest.fixture
def kit() -> Iterator[Kit]:
    """Factories; the bridges that they made are closed after the test."""
    bridges: list[Bridge] = []

    def tracked(handler: Handler | None, *args: Any, **settings: Any) -> Chain:
        chain = build(handler, *args, **settings)
        bridges.append(chain.bridge)
        return chain

    yield Kit(tracked)
    for bridge in bridges:
        bridge.close()


@pytest.fixture
def request_in_hand() -> Iterator[RequestContext]:
    """A request with the id `req-42` and 1.8 s to go."""
    context = RequestContext(request_id="req-42", deadline=time.monotonic() + 1.8)
    token = REQUEST.set(context)
    yield context
    REQUEST.reset(token)


@pytest.fixture
def recorder() -> Recorder:
    """A logger that keeps its records."""
    return Recorder()


@pytest.fixture(params=[True, False], ids=["at-once", "by-turns"])
def bridge(request: pytest.FixtureRequest, recorder: Recorder) -> Iterator[Bridge]:
    """A bridge that has adopted no loop, with each of its ways to a first step."""
    made = Bridge(log=recorder, step_at_once=request.param)
    yield made
    made.close()


PLACES = ("no_loop", "worker", "portal", "on_loop")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Stage:
    """A bridge, its log, and a host loop of one kind; `play` runs sync code in one place."""

    def __init__(self, loop: str, bridge: Bridge) -> None:
        self.bridge = bridge
        self.loop_factory = LOOPS[loop]
        self.tasks_left: set[Any] = set()

    def play(self, place: str, function: Callable[[Callable[..., Any]], Any]) -> Any:
        if place == "no_loop":
            return function(self.bridge.run)
        with asyncio.Runner(loop_factory=self.loop_factory) as runner:
            return runner.run(self.host(place, function))

    async def host(self, place: str, function: Callable[[Callable[..., Any]], Any]) -> Any:
        self.bridge.adopt()
        try:
            if place == "worker":
                return await self.bridge.thread(function, self.bridge.run)
            if place == "portal":
                return await self.bridge.portal(function, self.bridge.run)
            return function(self._blocking)
        finally:
            self.tasks_left = asyncio.all_tasks() - {asyncio.current_task()}

    def _blocking(self, function: Any, *args: Any, timeout: float | None = 30.0, **options: Any) -> Any:
        return self.bridge.run(function, *args, timeout=timeout, when_on_loop="block", **options)


@pytest.fixture(
    params=[("asyncio", True), ("uvloop", True), ("asyncio", False)], ids=["asyncio", "uvloop", "by-turns"]
)
def stage(request: pytest.FixtureRequest, recorder: Recorder) -> Iterator[Stage]:
    """A stage on each kind of host loop, and with each of the bridge's ways to a first step."""
    loop, step_at_once = request.param
    made = Stage(loop, Bridge(log=recorder, step_at_once=step_at_once))
    yield made
    made.bridge.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Each place where a sync caller can stand."""
    return str(request.param)


@pytest.fixture
def new_stage(recorder: Recorder) -> Iterator[Callable[..., Stage]]:
    """Makes stages on a host loop of the named kind, each with a bridge of its own unless one is given."""
    stages: list[Stage] = []

    def make(loop: str, shared: Bridge | None = None) -> Stage:
        stages.append(Stage(loop, shared or Bridge(log=recorder)))
        return stages[-1]

    yield make
    for made in stages:
        made.bridge.close()

"""An hour of requests, with faults, in virtual time: an echo app of three kinds of endpoint, and the reference app."""

import asyncio
import importlib
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from simulation_rates import Watch

HOUR_S = 3600.0
RATE_PER_S = 5.0
SLEEP_S = 0.05
SLOW_S = (2.0, 8.0)
KINDS = {"async": 0.7, "def": 0.2, "bridge": 0.1}
FAULTS = {"": 0.91, "leaves": 0.03, "slow": 0.03, "raises": 0.03}
SESSIONS = 8
TURNS_MAX = 20
"""Of one conversation; then its session is left, and another one begins."""
MESSAGES = ("Please write an e-mail to my team", "Summarize the last meeting", "What did I ask you before?")
WARNING = "a turn has to be answered by 200, or by a refusal that the contract knows"


def hour(what: str, seed: int, app_faults: float) -> dict[str, Any]:
    """Play the hour in this process: seconds of the whole run, hooks included, and what was answered how often."""
    simulation = importlib.import_module("harness.simulation").Simulation(seed=seed)
    counts: Counter[str] = Counter()
    main = _echo if what == "echo" else _reference
    watch = Watch()
    outcome = simulation.run(lambda: main(simulation, counts, app_faults))
    outcome.result()
    return {**watch.spent(), "counts": dict(counts)}


async def _arrivals(stream: random.Random, begin: Callable[[], Awaitable[None]]) -> None:
    """Begin requests at random moments for an hour, and wait for the last ones."""
    loop = asyncio.get_running_loop()
    end = loop.time() + HOUR_S
    running: set[asyncio.Future[None]] = set()
    while loop.time() < end:
        await asyncio.sleep(stream.expovariate(RATE_PER_S))
        task = asyncio.ensure_future(begin())
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


class BrokenHandlerError(Exception):
    """What a handler raises where its request says so."""


def _echo_app(bridge: Any) -> Any:
    """Three kinds of echo, each of which may be slow or raise, and a stream."""
    fastapi = importlib.import_module("fastapi")
    responses = importlib.import_module("fastapi.responses")
    app = fastapi.FastAPI(openapi_url=None)
    pause: Any = importlib.import_module("time").sleep

    def broken(number: int) -> int:
        if number < 0:
            raise BrokenHandlerError
        return number

    async def run_async(number: int, late_s: float = 0.0) -> int:
        await asyncio.sleep(SLEEP_S + late_s)
        return broken(number)

    def run_def(number: int, late_s: float = 0.0) -> int:
        if late_s:
            pause(late_s)
        return broken(number)

    def run_bridge(number: int, late_s: float = 0.0) -> int:
        return int(bridge.run(run_async, number, late_s))

    async def chunks() -> Any:
        for number in range(3):
            yield b"%d" % number
            await asyncio.sleep(SLEEP_S)

    for kind, handler in (("async", run_async), ("def", run_def), ("bridge", run_bridge)):
        app.get(f"/{kind}")(handler)
    app.get("/stream")(lambda: responses.StreamingResponse(chunks()))
    return app


async def _echo(simulation: Any, counts: Counter[str], _: float) -> None:
    """The mix of the echo app."""
    client_module = importlib.import_module("harness.simulation.client")
    bridge = importlib.import_module("reference_app.bridge").Bridge(log=None)
    client = client_module.AsgiClient(_echo_app(bridge))
    workload, faults = simulation.random("workload"), simulation.random("faults")

    async def ask() -> None:
        (kind,) = workload.choices(list(KINDS), list(KINDS.values()))
        (fault,) = faults.choices(list(FAULTS), list(FAULTS.values()))
        counts[kind] += 1
        counts[fault or "healthy"] += 1
        if fault == "leaves":
            async with client.open("GET", "/stream") as exchange:
                assert await anext(aiter(exchange)) == b"0"
            return
        number = -1 if fault == "raises" else counts[kind]
        late = f"&late_s={faults.uniform(*SLOW_S):.3f}" if fault == "slow" else ""
        try:
            response = await client.request("GET", f"/{kind}?number={number}{late}")
        except BrokenHandlerError:
            assert fault == "raises"
            return
        assert response.body == b"%d" % number
        simulation.observe((kind, response.body))

    await _arrivals(workload, ask)
    bridge.close()


def _provider(simulation: Any, counts: Counter[str]) -> Any:
    """The provider in process: its wire, and the rig at which faults take hold."""
    provider = importlib.import_module("harness.provider")
    clock = importlib.import_module("harness.targets.real").RealClock()

    def fired(fault: str, _: str) -> None:
        counts[fault] += 1

    witness = provider.Witness(now=clock.monotonic, keep=100)
    script = provider.Script(witness=witness, fired=fired, random=simulation.random("faults"))
    link = provider.Link(fired=fired)
    wire = provider.SimulatedTransport(script, witness, link=link, clock=clock)
    return wire, importlib.import_module("harness.rig").Rig(provider=script, network=link, clock=clock)


class _Conversation:
    """One session at a time, which the first answer names; a session that has had its turns is left."""

    def __init__(self) -> None:
        self.session: str | None = None
        self.turns = 0

    def body(self, message: str) -> dict[str, str]:
        """The next turn."""
        return (
            {"message": message} if self.session is None else {"message": message, "session_id": self.session}
        )

    def answered(self, answer: dict[str, Any]) -> None:
        """Take the session from an answer."""
        self.turns += 1
        self.session = None if self.turns % TURNS_MAX == 0 else str(answer["session_id"])


async def _reference(simulation: Any, counts: Counter[str], share: float) -> None:
    """Turns of a few sessions, with a provider that fails now and then in four ways."""
    orjson = importlib.import_module("orjson")
    client_module = importlib.import_module("harness.simulation.client")
    lifespans = importlib.import_module("harness.targets.lifespan")
    faults = importlib.import_module("harness.faults")
    window = importlib.import_module("harness.rig").Window(p=share)
    wire, rig = _provider(simulation, counts)
    app = importlib.import_module("reference_app.rehearsal").create(transport=wire)
    client, lifespan = client_module.AsgiClient(app), lifespans.Lifespan(app)
    stream = simulation.random("workload")
    conversations = [_Conversation() for _ in range(SESSIONS)]
    headers = [(b"content-type", b"application/json")]

    async def ask() -> None:
        conversation = stream.choice(conversations)
        body = orjson.dumps(conversation.body(stream.choice(MESSAGES)))
        answer = await client.request("POST", "/workflow/execute", body=body, headers=headers)
        counts[str(answer.status)] += 1
        assert answer.status in (200, 409, 429, 503), (WARNING, answer)
        if answer.status == 200:
            conversation.answered(orjson.loads(answer.body))
        simulation.observe((answer.status, answer.body))

    await lifespan.start()
    async with AsyncExitStack() as stack:
        for name in (
            "ProviderRateLimited",
            "ProviderServerError",
            "ProviderNoReply",
            "ProviderMalformedJson",
        ):
            await stack.enter_async_context(getattr(faults, name)(window=window).inject(rig))
        await _arrivals(stream, ask)
    await lifespan.stop()


def place() -> tempfile.TemporaryDirectory[str]:
    """Where the reference app keeps its store and its log for the hour."""
    return tempfile.TemporaryDirectory()

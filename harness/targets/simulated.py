"""The simulated target: app, provider and client in one process, on virtual time, under the schedule of the run.

It is made and driven inside a run of `harness.simulation`. The app has a loop and a thread of its own, as it has in a
process of its own: an app that blocks its loop blocks neither its clients nor whoever is watching it.
"""

import asyncio
import random
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

from harness.errors import TargetFailed, UsageError
from harness.provider import Link, Script, SimulatedTransport, Witness, respx_route
from harness.rig import LEFT, Incoming, Outgoing, Rig
from harness.simulation import Gate
from harness.simulation.client import AsgiClient, Exchange, Incomplete
from harness.simulation.clocks import WALL
from harness.targets.anew import Anew, needs_a_process
from harness.targets.child import build, imported, is_factory, told
from harness.targets.code import own_modules
from harness.targets.driven import ANSWER_S_MAX, PROVIDER_URL, Job, Recorder
from harness.targets.entered import Here
from harness.targets.lifespan import Lifespan, called
from harness.targets.real import RealClock
from harness.targets.second import second
from harness.targets.witness import App, Message, Receive, Send, WitnessedApp, objects
from harness.within.guests import Guests
from harness.within.inside import Parts
from harness.within.requests import RequestGate
from harness.within.sqlite import StoreGate
from harness.within.wall import WallShift

T = TypeVar("T")
LATENCIES_S = (0.02, 0.01, 0.04)
"""What a call of the provider takes: one of the first few of these, how many the seed says. Calls that took no time
would never overlap, and calls that took any time would never end together: where two threads meet is at one instant."""

NETWORK_S = 0.0005
"""What a request and its answer take on their way, the same for all: what is sent together arrives together, and what
is sent after an answer begins at a later time than that ended."""


class SimulatedTarget:
    """The app on its own loop in its own thread, driven through ASGI messages; all its times are virtual."""

    def __init__(self, job: Job, recorder: Recorder, gate: Gate, *, nonce: str, store: StoreGate) -> None:
        self._job = job
        self._gate = gate
        self._nonce = nonce
        self._recorder = recorder
        self._witness = Witness(now=recorder.now)
        clock = RealClock()
        latency = random.Random(f"latency-{job.seed}")
        latencies_s = LATENCIES_S[: latency.randint(1, len(LATENCIES_S))]
        self._script = Script(
            witness=self._witness,
            fired=recorder.fired,
            random=random.Random(f"provider-{job.seed}"),
            thinks=lambda: clock.sleep(latency.choice(latencies_s)),
        )
        self._link = Link(fired=recorder.fired, seed=str(job.seed))
        self._transport = SimulatedTransport(self._script, self._witness, link=self._link, clock=clock)
        self._store = store
        self._wall = WallShift()
        self._inside = Here(recorder, seed=job.seed, guests=lambda: self._guests)
        self.rig = Rig(
            provider=self._script,
            network=self._link,
            clock=clock,
            inside=self._inside,
            process=Anew(self, recorder),
        )
        self._thread = threading.Thread()
        self._app: WitnessedApp | None = None
        self._client: AsgiClient | None = None
        self._lifespan: Lifespan | None = None
        self._seams: dict[str, Any] = {}
        self._from_factory = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the app; it has been shut down, and its loop closed, when the block ends.

        Raises:
            UsageError: the app does not start; the message says why.
        """
        profile = self._job.profile
        try:
            with ExitStack() as stack:
                try:
                    self._seams = self._reached(stack)
                    stack.enter_context(WALL.moved(self._wall))
                    await self._begin()
                except (Exception, SystemExit) as error:  # the app is the user's: whatever stops it is told
                    raise UsageError(
                        f"{profile.name} did not start: {told(error)}; mend {profile.app}, or play it live"
                    ) from error
                yield
                try:
                    await self._finish()
                except TargetFailed as error:  # a server would say so, and be gone
                    print(f"ERROR:    {error}", file=sys.stderr)  # noqa: T201  # as the server does
        finally:
            await self._leave()

    def _reached(self, stack: ExitStack) -> dict[str, Any]:
        """How the app reaches its provider: a factory is given the wire, the httpx clients of any other app are caught."""
        self._from_factory = is_factory(imported(self._job.profile.app))
        if self._from_factory:
            return {"transport": self._transport}
        router = stack.enter_context(respx_route.CatchingRouter())
        clock = self.rig.clock
        respx_route.install(router, PROVIDER_URL, self._script, self._witness, link=self._link, clock=clock)
        router.route().pass_through()  # to the network, where the simulation says which call it was
        return {}

    def _live(self) -> None:
        """The app's thread: its loop begins and ends as `asyncio.run` would have it, under which servers run."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._over.wait())

    def witnessed(self) -> None:
        """Add what the provider saw to the record."""
        self._recorder.records.extend(self._witness.records())

    _loop: asyncio.AbstractEventLoop
    _over: asyncio.Event
    _guests: Guests

    async def _on_app_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the app's loop and wait here, where nothing blocks."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _leave(self) -> None:
        """End the app's loop and its thread, if they are still there."""
        if self._app is not None:
            self._app.rest()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            await asyncio.to_thread(self._thread.join)

    async def _begin(self) -> None:
        """Build the app and run its start-up, on a loop and in a thread that are new, as in a new process."""
        self._loop, self._over = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="app", daemon=True)
        self._thread.start()
        requests = RequestGate(self._built())
        self._app = WitnessedApp(requests, nonce=self._nonce)
        self._guests = Guests(
            Parts(
                store=self._store,
                requests=requests,
                loop=lambda: self._loop,
                sync_entry=self._job.profile.sync_entry,
                worker=self._job.profile.worker,
                second=partial(second, self._built) if self._from_factory else None,
                wall=self._wall,
                schedule=self._gate,
            )
        )
        self._client = AsgiClient(_serving(self._app), host=b"127.0.0.1")
        self._lifespan = Lifespan(self._app)
        await self._on_app_loop(self._lifespan.start())

    def _built(self) -> App:
        """The app, made now by its factory if it has one."""
        return build(self._job.profile.app, self._job.defects, **self._seams)

    async def _finish(self) -> None:
        """Run the app's shut-down, and end its loop."""
        assert self._lifespan is not None
        await self._on_app_loop(self._lifespan.stop())
        await self._leave()

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request as ASGI messages; the client's patience runs on the client's own loop."""
        patience_s, gone = (ANSWER_S_MAX, "ReadTimeout") if leave_after_s is None else (leave_after_s, LEFT)
        try:
            async with asyncio.timeout(patience_s):
                await asyncio.sleep(NETWORK_S)
                incoming = await self._on_app_loop(self._answered(outgoing))
                await asyncio.sleep(NETWORK_S)
                return incoming
        except TimeoutError:
            return Incoming(status=None, error=gone)

    async def _answered(self, outgoing: Outgoing) -> Incoming:
        """One request and its whole answer, on the app's loop; who is cancelled here has left."""
        assert self._client is not None
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in outgoing.headers.items()
        ]
        async with self._client.open(
            outgoing.method, outgoing.path, body=outgoing.body, headers=headers
        ) as exchange:
            pieces: list[bytes] = []
            broken: str | None = None
            try:
                await exchange.started()
                async for piece in exchange:
                    pieces.append(piece)  # noqa: PERF401  # what came before it broke off counts
            except Incomplete as error:
                broken = type(error.__cause__ or error).__name__
            return Incoming(
                status=exchange.status, headers=_headers(exchange), body=b"".join(pieces), error=broken
            )

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Within the block the schedule may deviate from the ordinary run; what is before and after is no incident."""
        self._gate.is_open = True
        try:
            yield
        finally:
            self._gate.is_open = False

    async def probe(self) -> Mapping[str, Any]:
        """What there is to know of the app's loop and this process."""
        assert self._app is not None
        return {
            **self._app.read(),
            "from_factory": self._from_factory,
            "provider_in_flight": self._witness.in_flight,
        }

    async def objects(self) -> int:
        """How many objects there are in this process, without those of the harness."""
        return objects()

    async def restart(self, *, kill: bool) -> None:
        """Shut the app down and build it again on the same store.

        Raises:
            UsageError: it is to be killed: a thread of the app, such as a store's writer, could not be stopped dead.
        """
        if kill:
            raise needs_a_process("SIGKILL")
        await self.end()
        await self.begin()

    async def end(self) -> None:
        """Shut the app down."""
        await self._inside.all_leave()
        await self._finish()

    async def begin(self) -> None:
        """Build the app again on the same store."""
        for name in own_modules(self._job.profile.app):
            del sys.modules[name]  # a new process would have none of their state
        await self._begin()
        await self._inside.all_enter()


def _serving(app: App) -> App:
    """The app, as a server calls it: what it raises is written to standard error, where a server would write it."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await called(app, scope, receive, send)
        except Exception:
            print("ERROR:    Exception in ASGI application", file=sys.stderr)  # noqa: T201  # as the server does
            traceback.print_exc()
            raise

    return serve


def _headers(exchange: Exchange) -> dict[str, str]:
    """The headers of an answer as text."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in exchange.headers}

"""The in-process target: a child builds the app and drives it over ASGI, with its provider in the same process.

There is no socket. The app has a loop and a thread of its own, so that an app that blocks its loop does not block
whoever is watching it.
"""

import asyncio
import pickle
import random
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from harness.errors import UsageError
from harness.history import History, ordered
from harness.provider import Link, Script, SimulatedTransport, Witness
from harness.recording import dump
from harness.rig import Rig
from harness.targets.asgi_client import Lifespan, request
from harness.targets.child import build, told
from harness.targets.driven import Incoming, Job, Outgoing, Recorder, Ticker
from harness.targets.driver import Driver
from harness.targets.real import RealClock
from harness.targets.witness import WitnessedApp

T = TypeVar("T")


class AsgiTarget:
    """The app on its own loop in its own thread, driven through ASGI messages."""

    def __init__(self, job: Job, recorder: Recorder, *, nonce: str) -> None:
        self._job = job
        self._nonce = nonce
        self._witness = Witness(now=recorder.now)
        self._script = Script(
            witness=self._witness, fired=recorder.fired, random=random.Random(f"provider-{job.seed}")
        )
        self._link = Link(fired=recorder.fired)
        clock = RealClock()
        self._transport = SimulatedTransport(self._script, self._witness, link=self._link, clock=clock)
        self.rig = Rig(provider=self._script, network=self._link, clock=clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="app", daemon=True)
        self._app: WitnessedApp | None = None
        self._lifespan: Lifespan | None = None
        self._recorder = recorder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the app; it has been shut down, and its loop closed, when the block ends."""
        self._thread.start()
        try:
            try:
                await self._begin()
            except (Exception, SystemExit) as error:  # the app is the user's: whatever stops it is told
                raise UsageError(told(error)) from error
            yield
            await self._finish()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
            self._loop.close()
        self._recorder.records.extend(self._witness.records())

    async def _on_app_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the app's loop and wait here, where nothing blocks."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _begin(self) -> None:
        """Build the app and run its start-up."""
        built = build(self._job.profile.app, self._job.defects, transport=self._transport)
        self._app = WitnessedApp(built, nonce=self._nonce)
        self._lifespan = Lifespan(self._app)
        await self._on_app_loop(self._lifespan.start())

    async def _finish(self) -> None:
        """Run the app's shut-down."""
        assert self._lifespan is not None
        await self._on_app_loop(self._lifespan.stop())

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request as ASGI messages."""
        assert self._app is not None
        return await self._on_app_loop(request(self._app, outgoing, leave_after_s=leave_after_s))

    async def probe(self) -> Mapping[str, float]:
        """What there is to know of the app's loop and this process."""
        assert self._app is not None
        return {**self._app.read(), "provider_in_flight": self._witness.in_flight}

    async def restart(self, *, kill: bool) -> None:
        """Shut the app down and build it again on the same store.

        Raises:
            UsageError: it is to be killed: a thread of the app, such as a store's writer, could not be stopped dead.
        """
        if kill:
            raise UsageError("SIGKILL needs a process: play it live")
        await self._finish()
        await self._begin()


async def play_job(pickled: bytes, *, nonce: str) -> bytes:
    """Play the job that the harness sent, and give the history as bytes.

    Only the parent of this process can have written to its standard input, so what comes is as trusted as the parent.
    """
    job: Job = pickle.loads(pickled)  # noqa: S301  # the bytes come from the parent alone
    recorder = Recorder()
    target = AsgiTarget(job, recorder, nonce=nonce)
    ticker = Ticker(target.rig.clock)
    ticking = asyncio.ensure_future(ticker.run())
    async with target.running():
        driver = Driver(job, target, recorder, nonce=nonce)
        await driver.play()
    ticking.cancel()
    lag_ms = ticker.late_ms_max
    header = job.header(
        "in_process",
        nonce_matched=driver.nonce_matched,
        doubts=tuple(driver.doubts),
        lag_ms=lag_ms,
        elapsed_s=recorder.now(),
    )
    return dump(History(header=header, records=ordered(recorder.records)))

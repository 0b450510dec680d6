"""The live target: the app in a process of its own behind uvicorn, its provider on a real listener, real TCP."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.provider import ProviderServer, Script, Witness
from harness.rig import Incoming, Outgoing, Rig
from harness.targets.driven import ANSWER_S_MAX, Job, Recorder
from harness.targets.real import RealClock
from harness.targets.started import Child, child, environment, new_nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the app is served: on which port (0 takes a free one), and whether uvicorn writes access lines.

    `calls_kept` bounds how many provider calls are remembered in full; None remembers all. Without `own_log` the
    app writes to this process's own output, in the format of the caller's environment.
    """

    port: int = 0
    provider_port: int = 0
    access_log: bool = True
    calls_kept: int | None = None
    own_log: bool = True


class ProcessTarget:
    """A running app with its provider; `start` makes one and ends everything that it started."""

    def __init__(
        self, job: Job, serving: Serving, *, directory: Path, rig: Rig, server: ProviderServer
    ) -> None:
        self.rig = rig
        self.nonce = new_nonce()
        self.server = server
        self._job = job
        self._serving = serving
        self._directory = directory
        self._life = AsyncExitStack()
        self._child: Child | None = None

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        job: Job,
        recorder: Recorder,
        *,
        directory: Path,
        serving: Serving = Serving(),  # frozen
    ) -> AsyncIterator["ProcessTarget"]:
        """Start the provider and the app on a store and logs in `directory`; both are gone when the block ends.

        Raises:
            UsageError: the app does not start, or the port is taken.
            TargetFailed: something else answers in its place.
        """
        witness = Witness(now=recorder.now, keep=serving.calls_kept)
        script = Script(witness=witness, fired=recorder.fired, random=random.Random(f"provider-{job.seed}"))
        async with ProviderServer(
            script, witness, fired=recorder.fired, port=serving.provider_port
        ) as server:
            rig = Rig(provider=script, network=server, clock=RealClock())
            target = cls(job, serving, directory=directory, rig=rig, server=server)
            async with httpx.AsyncClient(timeout=ANSWER_S_MAX, limits=_UNBOUND, trust_env=False) as client:
                target._client = client
                try:
                    await target._begin()
                    yield target
                finally:
                    await target._life.aclose()
        recorder.records.extend(witness.records())

    _client: httpx.AsyncClient

    @property
    def base_url(self) -> str:
        """Where the app listens."""
        return f"http://127.0.0.1:{self.child.port}"

    @property
    def child(self) -> Child:
        """The process that holds the app."""
        assert self._child is not None, "a target is used inside its block"
        return self._child

    async def _begin(self) -> None:
        """Start the child on the run's own store."""
        profile, serving = self._job.profile, self._serving
        arguments = ["--app", profile.app, "--port", str(serving.port)]
        arguments += [word for defect in self._job.defects for word in ("--defect", defect)]
        arguments += [] if serving.access_log else ["--no-access-log"]
        self._child = await self._life.enter_async_context(
            child(
                "serve",
                arguments,
                profile=profile,
                directory=self._directory,
                environment=environment(profile, self._directory, provider=self.server.base_url),
                nonce=self.nonce,
                own_log=serving.own_log,
            )
        )

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request over TCP; a client that leaves closes its connection."""
        try:
            async with asyncio.timeout(leave_after_s):
                answer = await self._client.request(
                    outgoing.method,
                    f"{self.base_url}{outgoing.path}",
                    headers=outgoing.headers,
                    content=outgoing.body,
                )
        except TimeoutError:
            return Incoming(status=None, error="left")
        except httpx.HTTPError as error:
            return Incoming(status=None, error=type(error).__name__)
        return Incoming(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    def playing(self) -> AbstractContextManager[None]:
        """Nothing changes: its schedule is the machine's."""
        return nullcontext()

    async def probe(self) -> Mapping[str, float]:
        """What the child says of itself, and how many provider calls are in flight."""
        said = await self.child.line.ask("probe")
        return {**said, "provider_in_flight": self.server.witness.in_flight}

    async def restart(self, *, kill: bool) -> None:
        """End the child, by SIGTERM or SIGKILL, and start another on the same store."""
        await self.child.stop(kill=kill)
        await self._life.aclose()
        await self._begin()


_UNBOUND = httpx.Limits(max_connections=None, max_keepalive_connections=None)

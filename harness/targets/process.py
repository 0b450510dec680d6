"""The live target: a process behind real TCP, with its provider on a real listener and a proxy where a fault wants one."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.history import LOGS, PROBES, PROCESS, WITNESSES
from harness.network.live import LiveNetwork
from harness.network.refusals import told
from harness.provider import ProviderServer, Script, Witness
from harness.registry import needs_of
from harness.rig import Incoming, Outgoing, Rig
from harness.targets.commanded import commanded, exit_code
from harness.targets.control import ControlLine, TargetGone
from harness.targets.driven import Job, Recorder
from harness.targets.entered import InChild
from harness.targets.exchanging import place_of
from harness.targets.http_client import HttpClient
from harness.targets.instances import Instances
from harness.targets.outages import Processes, Single
from harness.targets.real import RealClock
from harness.targets.rotated import LogFile
from harness.targets.serving import ORDINARY, Serving
from harness.targets.started import Child, child, environment, new_nonce
from harness.targets.witness import NONCE_HEADER
from harness.within.connects import RefusedConnects

UNPROBED = {"loop_lag_ms_max": 0.0, "tasks": 0, "threads": 0, "descriptors": 0}
"""What is said of a process into which nobody looks; its witness is then not among those of the run."""


class ProcessTarget(Single):
    """A running service with its provider; `start` makes one and ends everything that it started."""

    def __init__(
        self,
        job: Job,
        serving: Serving,
        recorder: Recorder,
        *,
        directory: Path,
        client: HttpClient,
        network: LiveNetwork,
        script: Script,
        server: ProviderServer,
    ) -> None:
        self.nonce = new_nonce()
        self.server = server
        self.network = network
        self._job = job
        self._serving = serving
        self._directory = directory
        self._client = client
        self._life = AsyncExitStack()
        self._child: Child | None = None
        self._port = 0
        self._variables: dict[str, dict[str, str]] = {}
        self._processes = Processes(self, recorder)
        hearing = self._processes.hearing
        self._inside = InChild(recorder, seed=job.seed, line=self._line, hearing=hearing, origin=job.origin)
        super().__init__(self._inside.changing)
        network.counted = self._counted if self._entered else None
        still = nullcontext if job.profile.url else self._processes.still
        named = "log_file" in job.profile.capabilities
        self._log = LogFile(job.profile, directory, recorder, still=still) if named else None
        self.rig = self._rigged(script, recorder)

    def _rigged(self, script: Script, recorder: Recorder) -> Rig:
        """The seams: of what runs already, and is none of ours, only those that are outside of it."""
        profile = self._job.profile
        started = not profile.url
        return Rig(
            provider=script,
            network=self.network,
            clock=RealClock(),
            inside=self._inside if profile.app else None,
            process=self._processes if started else None,
            log=self._log,
            instances=Instances(self, recorder, self._job) if started else None,
        )

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        job: Job,
        recorder: Recorder,
        *,
        directory: Path,
        serving: Serving = ORDINARY,
    ) -> AsyncIterator["ProcessTarget"]:
        """Start the provider and the target on a store and logs in `directory`; both are gone when the block ends.

        Raises:
            UsageError: the target does not start, or the port is taken.
            TargetFailed: something else answers in its place.
        """
        witness = Witness(now=recorder.now, keep=serving.calls_kept)
        script = Script(
            witness=witness,
            fired=recorder.fired,
            random=random.Random(f"provider-{job.seed}"),
            thinks=serving.thinks,
        )
        async with (
            ProviderServer(script, witness, fired=recorder.fired, port=serving.provider_port) as server,
            LiveNetwork.opened(server, job.links, fired=recorder.fired, seed=str(job.seed)) as network,
            HttpClient.opened() as client,
        ):
            target = cls(
                job,
                serving,
                recorder,
                directory=directory,
                client=client,
                network=network,
                script=script,
                server=server,
            )
            try:
                await target.begin()
                yield target
            finally:
                try:
                    await target._life.aclose()
                finally:
                    if target._log is not None:
                        target._log.joined()
        recorder.records.extend(witness.records())

    @property
    def base_url(self) -> str:
        """Where it is asked."""
        return self._job.profile.url.rstrip("/") or f"http://127.0.0.1:{self._port}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it is asked, as a socket wants it."""
        return place_of(self.base_url)

    @property
    def child(self) -> Child:
        """The process that holds the service, or looks after it."""
        assert self._child is not None, "a target is used inside its block"
        return self._child

    @property
    def witnesses(self) -> frozenset[str]:
        """Who can testify: nobody looks into a foreign process, and of one that runs elsewhere nothing is known."""
        profile = self._job.profile
        if not profile.url:
            return WITNESSES if profile.app else WITNESSES - {PROBES}
        return WITNESSES - {PROBES, PROCESS} if profile.log else WITNESSES - {PROBES, PROCESS, LOGS}

    @property
    def _entered(self) -> bool:
        """Whether faults are let into the process, or count there what only it sees."""
        found = self._job.wired if self._job.profile.app else ()
        return any("inside" in needs_of(one) or getattr(one, "counted_inside", False) for one in found)

    def _counted(self, fault: str, port: int) -> AbstractAsyncContextManager[None]:
        """Count within the process the refused connections to a port that nobody else is told of."""
        return self._inside.entered(fault, RefusedConnects(port=port, timed=not told()))

    def _line(self) -> ControlLine | None:
        return self._child.line if self._child is not None else None

    async def _begun(self) -> None:
        """Start the process on the run's own store, with the faults that are to be in there."""
        if self._job.profile.url:
            return
        assert self._child is None or self._child.line.closed, "two processes would share one store"
        self._child = await self._life.enter_async_context(
            self.started(port=self._serving.port, logs=self._directory)
        )
        self._port = self._child.port
        await self._inside.all_enter()

    def started(self, *, port: int, logs: Path, held: bool = False) -> AbstractAsyncContextManager[Child]:
        """A process of the service on the run's own store; what it says is kept in `logs`. One that is `held` waits for SIGTERM."""
        profile = self._job.profile
        variables = environment(profile, self._directory, provider=self.network.provider_url)
        for others in self._variables.values():
            variables |= others
        if profile.app:
            return self._serve(variables, port, logs, held)
        return commanded(
            profile,
            self._client,
            directory=self._directory,
            logs=logs,
            environment=variables,
            nonce=self.nonce,
            port=port,
        )

    def _serve(
        self, variables: dict[str, str], port: int, logs: Path, held: bool
    ) -> AbstractAsyncContextManager[Child]:
        """The app of the profile, behind uvicorn."""
        profile, serving = self._job.profile, self._serving
        arguments = ["--app", profile.app, "--port", str(port), *(["--held-start"] if held else [])]
        arguments += [word for defect in self._job.defects for word in ("--defect", defect)]
        arguments += [] if serving.access_log and profile.access_log else ["--no-access-log"]
        arguments += ["--loop", self._job.loop] if self._job.loop else []
        inside = self._entered
        if inside:
            arguments += ["--inside", "--sync-entry", profile.sync_entry, "--worker", profile.worker]
        return child(
            "serve",
            arguments,
            profile=profile,
            directory=logs,
            environment=variables,
            nonce=self.nonce,
            own_log=serving.own_log,
            piped=inside,
            start_s_max=profile.start_s_max,
        )

    async def _ended(self, *, kill: bool, grace_s: float) -> int | None:
        await self._inside.all_leave(kill=kill)
        child = self.child
        if child.ended and not child.line.closed:  # of one that was ended before, the line is closed
            raise TargetGone("the target went away before it was ended")
        await child.stop(kill=kill, grace_s=grace_s)
        await self._life.aclose()
        return exit_code(child, self._job.profile)

    async def stillborn(self, *, grace_s: float) -> int | None:
        """While it is down, start one and end it before it listens; the code that it ended with."""
        async with self.started(port=0, logs=self._directory, held=True) as child:
            await child.stop(grace_s=grace_s)
            return exit_code(child, self._job.profile)

    @property
    def lost(self) -> bool:
        """Whether the process has gone and nobody has ended it, or is about to; never of one that is none of ours."""
        return not self._down and not self._changing.locked() and bool(self._child and self._child.ended)

    def group(self) -> int | None:
        """The process group of the target; None where there is none of ours now."""
        return self._child.process.pid if self._child is not None else None

    async def died(self) -> int | None:
        """The code that the process ended with where nobody has ended it; None where it is there, or is down on purpose."""
        async with self._changing:
            if self._down or self._child is None:
                return None
            await self._child.gone()
            return exit_code(self._child, self._job.profile)

    @contextmanager
    def given(self, fault: str, variables: dict[str, str]) -> Iterator[None]:
        """Every process that is started within the block has these variables."""
        self._variables[fault] = variables
        try:
            yield
        finally:
            del self._variables[fault]

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send one request over TCP; a client that leaves closes its connection.

        Whoever cannot sign with the nonce was known by other means before: a command by the socket that it owns.
        """
        base_url = outgoing.base_url or self.base_url
        incoming = await self._client.send(base_url, outgoing, leave_after_s=leave_after_s)
        if self._job.profile.app:
            return incoming
        return replace(incoming, headers={**incoming.headers, NONCE_HEADER: self.nonce})

    def playing(self) -> AbstractContextManager[None]:
        """Nothing changes: its schedule is the machine's."""
        return nullcontext()

    async def probe(self) -> Mapping[str, Any]:
        """What the child says of itself, where there is one now, and how many provider calls are in flight."""
        said: Mapping[str, Any] = {}
        if self._child is not None and not self._child.line.closed:
            with self._processes.hearing():
                said = await self._child.line.ask("probe")
        return {**UNPROBED, **said, "provider_in_flight": self.server.witness.in_flight}

    async def objects(self) -> int:
        """What the child has counted; 0 where there is none now, or it does not hold the service itself."""
        if not self._job.profile.app or self._child is None or self._child.line.closed:
            return 0
        with self._processes.hearing():
            return int((await self._child.line.ask("objects"))["objects"])

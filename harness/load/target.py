"""What is put under load: the service in a process of its own beside a simulated provider, or one that runs already."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from harness.history import FaultFired, Outage
from harness.load.options import LoadOptions
from harness.rig import Outgoing, Rig
from harness.targets.driven import Job, Recorder
from harness.targets.logged import named, written_before
from harness.targets.ports import free_port
from harness.targets.process import ProcessTarget
from harness.targets.serving import Serving
from harness.targets.system import listening


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """A service that runs. `logs` are its log files by source, whole once it has ended; those `grown` were there before.

    `nonce` is what each of its answers carries, None where nobody can sign them; `alive` tells whether its process still is,
    `metrics` reads its metrics as text, None where it has none. Faults take hold at `rig`, and `fired` counts by name; by one
    of them it may have been `renewed`, and another process counts from 0. One that cannot sign is known by the socket that
    it listens at: where that is another, or none, `swapped` says so; None where that cannot be seen.
    """

    base_url: str
    logs: Mapping[str, Path]
    alive: Callable[[], bool]
    nonce: str | None = None
    metrics: Callable[[], Awaitable[str]] | None = None
    rig: Rig | None = None
    fired: Callable[[], Mapping[str, int]] = field(default=dict)
    renewed: Callable[[], bool] = lambda: False
    swapped: Callable[[], str] | None = None
    grown: bool = False


LOOPBACK = ("127.0.0.1", "localhost", "::1")

Starter = Callable[[LoadOptions, Path], AbstractAsyncContextManager[LoadTarget]]
"""Starts a target that keeps its files in the given directory, and ends it with the block."""


@asynccontextmanager
async def process_target(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
    """Start the service of the profile, with the defects, beside its provider; one that is a URL runs already."""
    profile = options.profile
    faults = options.scenario.faults if options.scenario is not None else ()
    job = Job(
        name="load",
        arm="faulted" if faults else "control",
        steps=(),
        faults=faults,
        profile=profile,
        seed=options.seed,
        defects=options.defects,
        wired=faults,
    )
    # A process that a fault starts anew has to be where the generators look for it.
    serving = Serving(calls_kept=0, port=free_port() if faults else 0)
    recorder = Recorder()
    async with ProcessTarget.start(job, recorder, directory=directory, serving=serving) as target:
        path = profile.metrics

        async def metrics() -> str:
            answer = await target.send(Outgoing(method="GET", path=path or "", headers={}))
            return answer.body.decode(errors="replace")

        yield LoadTarget(
            base_url=target.base_url,
            logs=_logs(options, target, directory),
            alive=lambda: not target.lost,
            nonce=target.nonce if profile.app else None,
            metrics=metrics if path else None,
            rig=target.rig,
            fired=partial(_fired, recorder),
            renewed=partial(_renewed, recorder),
            swapped=None if profile.app or faults else _swapped(target.base_url),
            grown=bool(profile.log),
        )


def _fired(recorder: Recorder) -> Mapping[str, int]:
    """How often each fault did anything, by name."""
    return Counter(one.fault for one in recorder.records if isinstance(one, FaultFired))


def _renewed(recorder: Recorder) -> bool:
    """Whether a fault ended the process: another has come then."""
    return any(isinstance(one, Outage) and one.exit_code is not None for one in recorder.records)


def _swapped(base_url: str) -> Callable[[], str] | None:
    """What says whether another process has come to where a target of this machine listens, or nobody is there any more."""
    at = urlsplit(base_url)
    if at.hostname not in LOOPBACK or at.port is None or not (first := listening(at.port)):
        return None
    port = at.port

    def swapped() -> str:
        now = listening(port)
        if now & first:
            return ""
        who = "another process listens" if now else "nobody listens any more"
        return f"the target has gone: {who} at {base_url}"

    return swapped


def _logs(options: LoadOptions, target: ProcessTarget, directory: Path) -> Mapping[str, Path]:
    """Where the service writes its log: a file that its profile names, or what it says on its standard streams."""
    profile = options.profile
    if profile.log and options.without_log:
        return {}
    if profile.log:
        written_before(profile, directory)  # refuses what cannot be read, while nothing has been sent
        return {"app": named(profile, directory)}
    return {} if profile.url else {"app": target.child.log, "stderr": target.child.errors}

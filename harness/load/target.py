"""What is put under load: the app in a process of its own beside a simulated provider that is healthy."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.load.options import LoadOptions
from harness.rig import Outgoing
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget, Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """A service that runs. `logs` are its log files by source, whole once it has ended.

    `nonce` is what each of its answers carries, `alive` tells whether its process still is, `metrics` reads its
    metrics as text; None where it has none.
    """

    base_url: str
    logs: Mapping[str, Path]
    alive: Callable[[], bool]
    nonce: str | None = None
    metrics: Callable[[], Awaitable[str]] | None = None


Starter = Callable[[LoadOptions, Path], AbstractAsyncContextManager[LoadTarget]]
"""Starts a target that keeps its files in the given directory, and ends it with the block."""


@asynccontextmanager
async def process_target(options: LoadOptions, directory: Path) -> AsyncIterator[LoadTarget]:
    """Start the app of the profile, with the defects, beside its provider."""
    job = Job(
        name="load",
        arm="control",
        steps=(),
        faults=(),
        profile=options.profile,
        seed=options.seed,
        defects=options.defects,
    )
    serving = Serving(calls_kept=0)
    async with ProcessTarget.start(job, Recorder(), directory=directory, serving=serving) as target:
        path = options.profile.metrics

        async def metrics() -> str:
            answer = await target.send(Outgoing(method="GET", path=path or "", headers={}))
            return answer.body.decode(errors="replace")

        yield LoadTarget(
            base_url=target.base_url,
            logs={"app": target.child.log, "stderr": target.child.errors},
            alive=lambda: target.child.process.returncode is None,
            nonce=target.nonce,
            metrics=metrics if path else None,
        )

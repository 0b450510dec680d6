"""Other processes of a service than the one that it begins with: a second one beside it, or one that is given less time."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import Protocol

from harness.errors import InvalidRun, UsageError
from harness.history import Outage, Snapshot
from harness.logs import parse
from harness.rig import Outgoing
from harness.targets.driven import Job, Recorder
from harness.targets.events import Answered
from harness.targets.http_client import HttpClient
from harness.targets.started import Child

REQUEST_ID = "x-request-id"


class Startable(Protocol):
    """A target of which more than one process can be started."""

    async def anew(self, *, kill: bool) -> int | None:
        """End that and begin another on the same store; the code that it ended with, None where it is down."""

    def started(self, *, port: int, logs: Path) -> AbstractAsyncContextManager[Child]:
        """A process of the service on the run's own store; what it says is kept in `logs`."""

    def given(self, fault: str, variables: dict[str, str]) -> AbstractContextManager[None]:
        """Every process that is started within the block has these variables."""


class Second:
    """A process beside the target's own (`harness.rig.Another`), and whether all that was sent to it is answered."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._goes = False

    @contextmanager
    def taken(self) -> Iterator[str]:
        """Its base URL, for one request: it stays there as long as the block is open. Empty where it goes already."""
        if self._goes:
            yield ""
            return
        self._under_way += 1
        self._idle.clear()
        try:
            yield self.base_url
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def left(self) -> None:
        """Let nobody in any more, and wait until all are out."""
        self._goes = True
        await self._idle.wait()


class Instances:
    """The seam of a live run's processes (`harness.rig.InstanceSeam`)."""

    def __init__(self, target: Startable, recorder: Recorder, job: Job) -> None:
        self._target = target
        self._recorder = recorder
        self._job = job

    @asynccontextmanager
    async def another(self, fault: str) -> AsyncIterator[Second]:
        """While open, a second process runs on the same store; what it counted and wrote is on record at its end.

        Raises:
            InvalidRun: it does not start beside the first.
        """
        with tempfile.TemporaryDirectory(prefix="shakeout-") as name:
            async with AsyncExitStack() as life:
                try:
                    child = await life.enter_async_context(self._target.started(port=0, logs=Path(name)))
                except UsageError as error:
                    raise InvalidRun(f"{fault}: no second process beside the first: {error}") from error
                second = Second(f"http://127.0.0.1:{child.port}")
                try:
                    yield second
                finally:
                    await second.left()
                await self._metrics(second)
            self._written(Path(name))

    @asynccontextmanager
    async def hurried(self, fault: str, share: float) -> AsyncIterator[float]:
        """Start it anew with `share` of its deadline in the variable that takes it, and with its own on exit.

        Raises:
            InvalidRun: it does not start with that.
        """
        profile = self._job.profile
        deadline_s = profile.contract.deadline_s * share
        value = f"{deadline_s:g}"
        async with AsyncExitStack() as mending:
            mending.push_async_callback(self._anew, fault)
            with self._target.given(fault, {profile.deadline_variable: value}):
                try:
                    await self._anew(fault)
                except UsageError as error:
                    raise InvalidRun(f"{fault}: with {profile.deadline_variable}={value}: {error}") from error
                yield deadline_s

    async def _anew(self, fault: str) -> None:
        """End the target's own process and begin it again; where it is down, whatever took it down will begin it."""
        began_s = self._recorder.now()
        code = await self._target.anew(kill=False)
        if code is None:
            return
        ended_s = self._recorder.now()
        self._recorder.records.append(
            Outage(at_s=began_s, ended_s=ended_s, fault=fault, how="terminated", exit_code=code)
        )

    async def _metrics(self, second: Second) -> None:
        """Read what it counted, which ends with it, where it has metrics."""
        path = self._job.profile.metrics
        if path is None:
            return
        request_id = f"run-{self._job.seed}-{second.base_url.rpartition(':')[2]}"
        asking = Outgoing(method="GET", path=path, headers={REQUEST_ID: request_id})
        async with HttpClient.opened() as reader:
            said = await reader.send(second.base_url, asking)
        self._recorder.records.append(
            Snapshot(
                at_s=self._recorder.now(),
                name="metrics",
                status=said.status,
                data=Answered.of(said).body,
                request_id=request_id,
            )
        )

    def _written(self, directory: Path) -> None:
        """Put what it wrote on record: a log of its own, since two that append to one may cut each other's lines."""
        sources = {"app.log": "stdout" if self._job.profile.log else "app", "stderr.log": "stderr"}
        for name, source in sources.items():
            with (directory / name).open(encoding="utf-8", errors="replace") as lines:
                self._recorder.records.extend(parse(lines, source=source))

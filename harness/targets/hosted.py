"""The simulated stage as the harness sees it: a child that hosts runs, asked for one after the other.

What a run left behind is in a folder that is made anew for the next one under the same name, so that no path depends
on how often something was played.
"""

import base64
import json
import pickle
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import orjson

from harness.errors import InvalidRun, TargetFailed, UsageError, of_kind
from harness.history import History
from harness.recording import load, shallow
from harness.scenario import Schedule
from harness.targets.control import HOLDS, PLAYED, REFUSED
from harness.targets.driven import PROVIDER_URL, Job
from harness.targets.logged import logged
from harness.targets.mistakes import mistaken_rest
from harness.targets.profile import Profile
from harness.targets.started import Child, child, environment, last_line, new_nonce

PLAY_S_MAX = 120.0
"""How long one run may take, in real seconds; its budget ends all but what computes for ever, or hangs in C."""

HIDDEN = "{directory}"
"""What stands for the run's own folder in what is compared and hashed; the name of that one is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What came of a simulated run: its history, and its schedule, by which it can be played again."""

    history: History
    schedule: Schedule


class Host:
    """A child that hosts the simulated runs of one target; it is started when it is needed, and again where it died."""

    def __init__(self, profile: Profile, directory: Path, *, hash_seed: int, patience_s: float) -> None:
        self._profile = profile
        self._place = directory / "run"
        self._directory = directory
        self._hash_seed = hash_seed
        self._patience_s = patience_s
        self._life = AsyncExitStack()
        self._child: Child | None = None

    @classmethod
    @asynccontextmanager
    async def of(
        cls, profile: Profile, *, hash_seed: int = 0, patience_s: float = PLAY_S_MAX
    ) -> AsyncIterator["Host"]:
        """A host, which gives up a run after so long; its child and its folder are gone when the block ends."""
        with tempfile.TemporaryDirectory(prefix="shakeout-") as name:
            host = cls(profile, Path(name), hash_seed=hash_seed, patience_s=patience_s)
            try:
                yield host
            finally:
                await host._life.aclose()

    async def play(self, job: Job) -> Simulated:
        """Play one job.

        Raises:
            UsageError: the app does not start, or a simulation cannot carry the job.
            InvalidRun: the run escaped or broke off; nothing can be said of the app.
        """
        pickled = base64.b64encode(_pickled(job)).decode()
        started = self._child or await self._start()
        self._empty()
        try:
            answer = await started.line.ask(
                "play", timeout_s=self._patience_s, job=pickled, directory=str(self._place), origin=job.origin
            )
        except BaseException as error:  # its child is in the middle of something: it is of no more use
            await self._end()
            if isinstance(error, TargetFailed):
                raise InvalidRun(
                    f"the simulated run of {job.name} did not end ({error}): the app computes for ever, hangs in C, "
                    "or has ended its host; play it live"
                ) from error
            raise
        if answer["code"] != 0:
            raise InvalidRun(
                f"the simulated run of {job.name} ended with {answer['code']}: {last_line(self._place / 'stderr.log')}"
            )
        return self._read()

    def _empty(self) -> None:
        """Make the run's folder anew."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()

    async def _start(self, *, cold: bool = False) -> Child:
        """Start the child, which imports the app, or in the `cold` leaves that to each run.

        Raises:
            InvalidRun: the import reached for something real.
        """
        profile = self._profile
        self._empty()  # an app may open its log or its store as soon as it is imported
        variables = environment(profile, self._place, provider=PROVIDER_URL)
        started = await self._life.enter_async_context(
            child(
                "simulate",
                ["--app", profile.app, "--directory", str(self._directory), *(["--cold"] if cold else [])],
                profile=profile,
                directory=self._directory,
                environment={**variables, "PYTHONHASHSEED": str(self._hash_seed)},
                nonce=new_nonce(),
            )
        )
        if refusal := started.hello["refusal"]:
            await self._end()
            raise InvalidRun(str(refusal))
        if any(self._place.iterdir()):
            # What the import opened there all runs would share, and what it made would be gone: each imports anew.
            await self._end()
            return await self._start(cold=True)
        self._child = started
        return started

    async def _end(self) -> None:
        """End the child; the next job starts another."""
        self._child = None
        await self._life.aclose()
        self._life = AsyncExitStack()

    def _read(self) -> Simulated:
        """What the run has written.

        Raises:
            UsageError: the app did not start.
            InvalidRun: there is nothing that could be judged.
        """
        if (self._place / REFUSED).exists():
            told = json.loads((self._place / REFUSED).read_text())
            raise of_kind(told["kind"], told["text"])
        if not (self._place / PLAYED).exists():
            raise InvalidRun("the app ended its process, and with it the simulated run; play it live")
        # The name of the run's folder is drawn: what the app says of it would differ from itself.
        written = (self._place / PLAYED).read_bytes().replace(str(self._place).encode(), HIDDEN.encode())
        played = load(written)
        holds = tuple(map(tuple, json.loads((self._place / HOLDS).read_text())))
        records = (*played.records, *logged(self._place, profile=self._profile, hidden=HIDDEN))
        observed = blake2b(played.header.observation_hash.encode(), digest_size=16)
        for record in records:
            observed.update(orjson.dumps([record.kind, shallow(record)], option=orjson.OPT_NON_STR_KEYS))
        doubts = (*played.header.doubts, *mistaken_rest(records, self._profile, self._place))
        header = replace(played.header, observation_hash=observed.hexdigest(), doubts=doubts)
        return Simulated(
            history=History(header=header, records=records), schedule=Schedule(code=header.code, holds=holds)
        )


def _pickled(job: Job) -> bytes:
    """The job for the child.

    Raises:
        UsageError: something in it is no plain data.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
        raise UsageError(f"{job.name} cannot be sent to a child ({error}); make it of plain data") from error

"""The inside of a target, as the harness reaches it: over the control line, or in the same run (`rig.InsideSeam`)."""

import asyncio
import base64
import pickle
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from harness.errors import UsageError, of_kind, told_by
from harness.history import FaultFired
from harness.rig import Entering
from harness.scenario import load
from harness.targets.control import ControlLine, TargetGone
from harness.targets.driven import Recorder
from harness.targets.lifespan import LIFESPAN_S_MAX
from harness.within.guests import Guests

TOLD_S_MAX = 10.0
"""What was noted is told at once."""

PASSED_S_MAX = 2 * LIFESPAN_S_MAX + TOLD_S_MAX
"""What goes in or out may start an app, or shut one down, on its way."""


class _Entered:
    """The faults that are in there now; a process that ends lets them out before, and the next one in again."""

    def __init__(self, recorder: Recorder, *, seed: int) -> None:
        self._recorder = recorder
        self._seed = seed
        self._armed: dict[str, Entering] = {}
        self._there: set[str] = set()
        self.changing = asyncio.Lock()
        """Held while a fault goes in or out, and by whoever ends or begins the process."""

    @asynccontextmanager
    async def entered(self, fault: str, entering: Entering) -> AsyncIterator[None]:
        """Let the fault in, and out at the end of the block.

        Raises:
            UsageError: it cannot be done there.
            InvalidRun: it broke off in there.
        """
        self._armed[fault] = entering
        try:
            async with self.changing:
                await self._into(fault)
            yield
        finally:
            del self._armed[fault]
            async with self.changing:
                if fault in self._there:  # whoever comes first, its own end or that of the process
                    self._there.discard(fault)
                    await self._leave(fault)

    async def all_leave(self, *, kill: bool = False) -> None:
        """Let all out of a process that is about to end; of one that is to be killed they only tell what they did.

        Who calls this holds `changing`, as for `all_enter`.
        """
        for fault in tuple(self._there):
            self._there.discard(fault)
            await (self._tell(fault) if kill else self._leave(fault))

    async def all_enter(self) -> None:
        """Let all into a process that has just begun."""
        for fault in tuple(self._armed):
            await self._into(fault)

    async def _into(self, fault: str) -> None:
        """Let it in, if it is still to be there; where nobody is now, the process that comes next lets it in."""
        if fault in self._armed and fault not in self._there and self._is_somebody():
            await self._enter(fault, self._armed[fault])
            self._there.add(fault)

    def _is_somebody(self) -> bool:
        """Whether there is a process to be let into."""
        return True

    async def _enter(self, fault: str, entering: Entering) -> None:
        raise NotImplementedError

    async def _leave(self, fault: str) -> None:
        raise NotImplementedError

    async def _tell(self, fault: str) -> None:
        raise NotImplementedError


class InChild(_Entered):
    """Sends faults to the child at the other end of a line, where `Admission` lets them in."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        seed: int,
        line: Callable[[], ControlLine | None],
        hearing: Callable[[], AbstractContextManager[None]],
        origin: str,
    ) -> None:
        super().__init__(recorder, seed=seed)
        self._line = line
        self._hearing = hearing
        self._origin = origin

    def _is_somebody(self) -> bool:
        line = self._line()
        return line is not None and not line.closed

    async def _enter(self, fault: str, entering: Entering) -> None:
        try:
            packed = base64.b64encode(pickle.dumps(entering)).decode()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(f"{fault} cannot be sent to a child ({error}); make it of plain data") from error
        await self._ask("enter", fault, packed=packed, origin=self._origin, seed=f"{fault}-{self._seed}")

    async def _leave(self, fault: str) -> None:
        await self._tell(fault, "leave")

    async def _tell(self, fault: str, question: str = "noted") -> None:
        for at, detail in await self._ask(question, fault):
            self._recorder.fired(fault, detail, at=at)

    async def has_fired(self, fault: str) -> bool:
        """Whether a fault that is there has noted anything yet."""
        return bool(await self._ask("look", fault))

    async def _ask(self, question: str, fault: str, **values: Any) -> list[tuple[float, str]]:
        line = self._line()
        if line is None or line.closed:
            return []  # nobody is there any more whom it could trouble
        timeout_s = TOLD_S_MAX if question in ("noted", "look") else PASSED_S_MAX
        try:
            with self._hearing():
                answer = await line.ask(question, timeout_s=timeout_s, key=fault, **values)
        except TargetGone:
            return []  # it died meanwhile
        if "wrong" in answer:
            raise of_kind(answer["kind"], f"{fault}: {answer['wrong']}")
        return [(at, detail) for at, detail in answer["fired"]]


class Here(_Entered):
    """Lets faults into this very process: that of a simulated run, which holds the app."""

    def __init__(self, recorder: Recorder, *, seed: int, guests: Callable[[], Guests]) -> None:
        super().__init__(recorder, seed=seed)
        self._guests = guests

    async def _enter(self, fault: str, entering: Entering) -> None:
        self._guests().enter(
            fault,
            entering,
            seed=f"{fault}-{self._seed}",
            fired=lambda detail: self._recorder.fired(fault, detail),
        )

    async def _leave(self, fault: str) -> None:
        self._guests().leave(fault)

    async def _tell(self, fault: str) -> None:
        """What it did is on record already."""

    async def has_fired(self, fault: str) -> bool:
        """Whether it has done anything yet."""
        return any(isinstance(one, FaultFired) and one.fault == fault for one in self._recorder.records)


class Admission:
    """The child's side of `InChild`: what was noted is told when the fault leaves.

    Times are those of the monotonic clock, which all processes of a machine share.
    """

    def __init__(self, guests: Guests) -> None:
        self._guests = guests
        self._noted: dict[str, list[tuple[float, str]]] = {}

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let a fault in or out; what goes wrong with it is the answer."""
        key = question["key"]
        try:
            if question["ask"] == "look":
                return {"fired": list(self._noted.get(key, ()))}
            if question["ask"] == "leave":
                self._guests.leave(key)
            if question["ask"] != "enter":
                return {"fired": self._noted.pop(key)}
            noted = self._noted[key] = []
            self._guests.enter(
                key,
                _unpacked(question["packed"], question["origin"]),
                seed=question["seed"],
                fired=lambda detail: noted.append((time.monotonic(), detail)),
            )
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a fault raises, the harness has to know
            said = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
            return {"wrong": " ".join(said.split()), "kind": told_by(error)}
        return {"fired": []}


def _unpacked(packed: str, origin: str) -> Entering:
    """A fault that the harness sent; `origin` is the scenario's file, which may define faults of its own."""
    if origin:
        load(Path(origin))
    # Only the parent of this process can have written to its line, so what comes is as trusted as the harness.
    fault: Entering = pickle.loads(base64.b64decode(packed))  # noqa: S301  # see above
    return fault

"""Faults are armed and healed at the edges of their windows, in steps and in seconds, however a run ends."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from harness.errors import UsageError
from harness.rig import Rig, Window
from harness.targets.armed import Armed, tagged


class Clock:
    """A clock that is moved by hand: whoever sleeps wakes when `pass_to` has passed its time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until the time is there."""
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def pass_to(self, seconds: float) -> None:
        """Let time pass, and whoever wakes run."""
        await self._settled()
        self.now = seconds
        for due, woken in self._sleepers:
            if due <= seconds and not woken.done():
                woken.set_result(None)
        await self._settled()

    async def _settled(self) -> None:
        """Let everything run that can."""
        for _ in range(10):
            await asyncio.sleep(0)


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Notes when it breaks and when it mends; `bad` says where it fails itself."""

    name: ClassVar[str] = "test.noted"
    window: Window
    notes: list[str] = field(default_factory=list)
    bad: str = ""

    @asynccontextmanager
    async def inject(self, rig: Rig):
        """Break, note, mend, note."""
        if self.bad == "entry":
            raise RuntimeError("cannot break")
        self.notes.append(f"on {rig.clock.monotonic():g}")
        try:
            yield
        finally:
            if self.bad == "slow":
                await rig.clock.sleep(5.0)
            self.notes.append(f"off {rig.clock.monotonic():g}")
            if self.bad == "exit":
                raise RuntimeError("cannot mend")


def rig() -> tuple[Any, Clock]:
    """A rig that has a clock only."""
    clock = Clock()
    return Rig(provider=None, network=None, clock=clock), clock


async def test_it_is_armed_before_its_first_step_and_healed_after_its_last():
    """Steps 1 to 2 of 0 to 3: on before 1, off after 2, and not again."""
    made, clock = rig()
    fault = Noted(window=Window(from_step=1, until_step=2))
    async with Armed((fault,), made, 3) as armed:
        for step in range(4):
            clock.now = float(step)
            await armed.before(step)
            await armed.after(step)
    assert fault.notes == ["on 1", "off 2"]


async def test_seconds_count_from_the_beginning_of_the_first_step():
    """Armed 2 s after the step began, and healed 3 s later, in the middle of a step that lasts longer."""
    made, clock = rig()
    fault = Noted(window=Window(at_s=2.0, for_s=3.0))
    async with Armed((fault,), made, 0) as armed:
        await armed.before(0)
        await clock.pass_to(1.0)
        assert fault.notes == []
        await clock.pass_to(2.0)
        assert fault.notes == ["on 2"]
        await clock.pass_to(5.0)
        assert fault.notes == ["on 2", "off 5"]
        await armed.after(0)
    assert fault.notes == ["on 2", "off 5"]


async def test_a_step_that_ends_first_heals_what_has_seconds_left():
    """The end of the last step heals at once, and what was not yet armed never is."""
    made, clock = rig()
    long, late = Noted(window=Window(for_s=9.0)), Noted(window=Window(at_s=9.0))
    async with Armed((long, late), made, 0) as armed:
        await armed.before(0)
        await clock.pass_to(1.0)
        await armed.after(0)
    await clock.pass_to(20.0)
    assert (long.notes, late.notes) == (["on 0", "off 1"], [])


async def test_what_mends_comes_to_its_end_though_the_steps_do_first():
    """A process that is being started again when its last step ends is started all the same, and once."""
    made, clock = rig()
    slow = Noted(window=Window(for_s=1.0), bad="slow")
    async with Armed((slow,), made, 0) as armed:
        await armed.before(0)
        await clock.pass_to(1.0)  # it begins to mend
        ending = asyncio.ensure_future(armed.after(0))
        await clock.pass_to(2.0)
        assert (slow.notes, ending.done()) == (["on 0"], False)
        await clock.pass_to(6.0)
        await ending
    assert slow.notes == ["on 0", "off 6"]


async def test_all_is_mended_when_the_steps_break_off_and_when_mending_fails():
    """An error in a step mends every fault, also behind one that cannot be mended; the error comes out."""
    made, _ = rig()
    first, bad = Noted(window=Window()), Noted(window=Window(), bad="exit")

    async def breaks_off() -> None:
        async with Armed((first, bad), made, 0) as armed:
            await armed.before(0)
            raise ValueError("the step")

    with pytest.raises(RuntimeError, match="cannot mend"):
        await breaks_off()
    assert first.notes == ["on 0", "off 0"]


async def test_what_cannot_be_broken_in_its_time_is_told():
    """A fault that fails when its seconds come fails the run, and is not taken for one that never fired."""
    made, clock = rig()

    async def steps() -> None:
        async with Armed((Noted(window=Window(at_s=1.0), bad="entry"),), made, 0) as armed:
            await armed.before(0)
            await clock.pass_to(1.0)
            await armed.after(0)

    with pytest.raises(RuntimeError, match="cannot break"):
        await steps()


@pytest.mark.parametrize("knobs", [{"at_s": -1.0}, {"for_s": 0.0}, {"for_s": float("nan")}])
def test_seconds_that_make_no_sense_are_refused(knobs):
    """A window never begins before its step, and has a length."""
    with pytest.raises(UsageError):
        Window(**knobs)


async def test_a_fault_that_begins_the_process_anew_to_mend_it_says_so_to_the_seam():
    """The tag stands for its name; all else is handed on."""
    asked = []
    process: Any = type("Seam", (), {"down": lambda _, *names, **knobs: asked.append((names, knobs))})()
    nobody: Any = None
    rig = tagged(Rig(provider=nobody, network=nobody, clock=nobody, process=process), "x#2")
    assert rig.process is not None
    rig.process.down("x", kill=False, mends=True)
    assert asked == [(("x#2",), {"kill": False, "grace_s": 10.0, "mends": True})]

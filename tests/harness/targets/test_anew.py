"""What a simulated run has in the place of a process: an app that can be ended and begun again, and no more."""

import inspect
from typing import Any

import pytest

from harness.errors import UsageError
from harness.history import FaultFired, Outage
from harness.targets.anew import Anew
from harness.targets.driven import Recorder


class Target:
    """An app, which notes that it was ended and begun."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def end(self) -> None:
        self.notes.append("end")

    async def begin(self) -> None:
        self.notes.append("begin")


@pytest.mark.parametrize("error", [None, KeyError])
async def test_it_is_down_within_the_block_and_there_again_after_it(error: type[Exception] | None) -> None:
    """That is a firing, and an outage on record, however the block ends."""
    target, recorder = Target(), Recorder()
    down = Anew(target, recorder).down("test.down", kill=False)
    await down.__aenter__()
    assert target.notes == ["end"]
    (fired,) = recorder.records
    assert isinstance(fired, FaultFired)
    await down.__aexit__(error, error and error(), None)
    assert target.notes == ["end", "begin"]
    outage = recorder.records[-1]
    assert isinstance(outage, Outage)
    assert (outage.fault, outage.how, outage.exit_code) == ("test.down", "terminated", None)


async def test_what_is_begun_anew_to_mend_it_is_no_firing() -> None:
    """It is an outage all the same."""
    recorder = Recorder()
    async with Anew(Target(), recorder).down("test.down", kill=False, mends=True):
        pass
    assert [type(record) for record in recorder.records] == [Outage]


async def entered(asked: Any) -> None:
    """Do what was asked for."""
    if inspect.iscoroutine(asked):
        await asked
        return
    async with asked:
        pass


@pytest.mark.parametrize(
    "ask",
    [
        lambda seam: seam.down("test", kill=True),
        lambda seam: seam.stillborn("test", grace_s=1.0),
        lambda seam: seam.paused("test"),
        lambda seam: seam.starved("test", 1),
        lambda seam: seam.another("test"),
        lambda seam: seam.hurried("test", 0.1),
    ],
)
async def test_what_needs_a_process_is_to_be_played_live(ask: Any) -> None:
    """The message says so, and nothing has happened to the app."""
    target = Target()
    with pytest.raises(UsageError, match="play it live"):
        await entered(ask(Anew(target, Recorder())))
    assert target.notes == []

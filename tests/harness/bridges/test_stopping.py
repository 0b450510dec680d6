"""Each property of the groups D, G, H and I passes on a sound bridge, and fails on one that lacks it and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_cells import Cell, verdicts

from harness.bridges.property import catalog

LACKING = [
    ("D1", "no_loop", "Hasty", "came after 0."),
    ("D1", "worker", "Endless", "returned None after 3."),
    ("D2", "no_loop", "Abandons", "went on to its end"),
    ("D2", "worker", "Lingers", "s after the caller was free"),
    ("D3", "no_loop", "Joins", "the TimeoutError came after 2."),
    ("D4", "no_loop", "Shallow", "went on to its end"),
    ("D4", "worker", "Shallow", "went on to its end"),
    ("D4", "portal", "Shallow", "went on to its end"),
    ("G1", "worker", "Blocks", "stood still for"),
    ("G1", "worker", "Empty", "got None"),
    ("G2", "worker", "Empty", "got None"),
    ("G3", "no_loop", "Deadlocks", ""),
    ("G3", "no_loop", "HandsBack", "got <coroutine"),
    ("G4", "no_loop", "OneThread", "refused with"),
    ("G4", "no_loop", "Flat", "got 1"),
    ("G5", "worker", "Hosted", ""),
    ("G5", "worker", "Empty", "got [None"),
    ("H1", "no_loop", "Uninterrupted", "`finally` has not run"),
    ("H1", "no_loop", "Swallows", "the call ended with ['nothing']"),
    ("H1", "no_loop", "Late", "the KeyboardInterrupt came after 1."),
    ("H1", "no_loop", "DeadAfterwards", "the next call had no value"),
    ("H2", "worker", "Shallow", "no CancelledError came"),
    ("H3", "no_loop", "DeafToken", "returned"),
    ("H3", "no_loop", "SlowToken", "free 0."),
    ("H3", "no_loop", "UntypedToken", "says nothing of a token"),
    ("H3", "no_loop", "LateToken", "the body did this: began"),
    ("H3", "no_loop", "LeavesCoroutines", "was never awaited"),
    ("I1", "no_loop", "Orphaned", "child stuck"),
    ("I2", "no_loop", "NoEnd", "no task finally"),
    ("I2", "no_loop", "EndsWithoutWaiting", "no task finally"),
    ("I2", "no_loop", "FreesNobody", "the caller was not freed"),
    ("I2", "no_loop", "LoudEnd", "it was not silent"),
    ("I2", "no_loop", "StuckEnd", "did not exit 0"),
    ("I3", "no_loop", "ForgetsAtExit", "never awaited"),
    ("I3", "no_loop", "WrongAtExit", "earliest unbounded value None"),
    ("I3", "no_loop", "BadExit", "exit 3"),
    ("I3", "no_loop", "StuckAtExit", "still running"),
]
HANGING = {"Deadlocks", "Hosted"}
BEYOND = [("G1", "portal", "stood still for"), ("H2", "portal", "it ended before it was cancelled")]
"""Cells that the sound bridge lacks, for its portal is a plain call."""

GAVE_UP = ("broken_stopping:GivesUp", "G2", "worker")


def spec(bridge: str, name: str) -> str:
    """The import string of a bridge beside this file, for a property."""
    return f"broken_ending:{bridge}" if name.startswith("I") else f"broken_stopping:{bridge}"


def right(name: str) -> str:
    """The verdict of a property on a sound bridge, which refuses to wait for itself."""
    return "refused" if name == "G3" else "pass"


def wrong(bridge: str) -> str:
    """The verdict on the bridge that lacks the property."""
    return "hang" if bridge in HANGING else "fail"


@pytest.fixture(scope="module")
def said() -> Iterator[dict[Cell, tuple[str, str]]]:
    """Verdict and reason of every cell that is asked for here."""
    cells = {(spec(bridge, name), name, context): wrong(bridge) for name, context, bridge, _ in LACKING}
    cells |= {(spec("Sound", name), name, context): right(name) for name, context, *_ in LACKING}
    cells |= {(spec("Sound", name), name, context): "fail" for name, context, _ in BEYOND}
    cells[GAVE_UP] = "pass"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        yield verdicts(cells)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("name", "context", "bridge", "reason"), LACKING)
def test_a_property_fails_on_the_bridge_that_lacks_it(
    said: dict[Cell, tuple[str, str]], name: str, context: str, bridge: str, reason: str
) -> None:
    """The same cell passes on a sound bridge, and fails for the right reason on one with that single fault."""
    assert said[spec("Sound", name), name, context][0] == right(name), said[
        spec("Sound", name), name, context
    ]
    verdict, told = said[spec(bridge, name), name, context]
    assert verdict == wrong(bridge), told
    assert reason in told


@pytest.mark.parametrize(("name", "context", "reason"), BEYOND)
def test_a_portal_is_more_than_a_plain_call(
    said: dict[Cell, tuple[str, str]], name: str, context: str, reason: str
) -> None:
    """A portal that blocks the host loop is found out, by its ticker and by its cancellation."""
    verdict, told = said[spec("Sound", name), name, context]
    assert verdict == "fail"
    assert reason in told


def test_a_typed_timeout_is_an_answer_where_the_host_is_waited_for(
    said: dict[Cell, tuple[str, str]],
) -> None:
    """A bridge that gives up waiting has answered, and what the host does then for nobody is no mistake."""
    assert said[GAVE_UP] == ("pass", "")


def test_each_property_is_proven_able_to_fail() -> None:
    """None of the four groups has a property that no broken bridge here lacks."""
    assert {name for name in catalog() if name[0] in "DGHI"} == {name for name, *_ in LACKING}

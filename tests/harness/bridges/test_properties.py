"""Each property of the groups A, B, C and E passes on a sound bridge, and fails on one that lacks it and nothing else."""

import asyncio

import pytest

from harness.bridges.child import Played, play
from harness.bridges.property import catalog

LACKING = [
    ("A1", "no_loop", "Lost", "the result is None"),
    ("A2", "on_loop", "Unawaited", "the result is an un-awaited coroutine"),
    ("A2", "portal", "Lost", "the result is None"),
    ("A3", "worker", "Lost", "the result is None"),
    ("A4", "worker", "Lost", "the result is None"),
    ("A5", "no_loop", "Mixed", "of 24 got"),
    ("A5", "worker", "Mixed", "of 24 got"),
    ("A6", "no_loop", "Queued", "s together"),
    ("B1", "no_loop", "Retries", "the coroutine ran 2 times"),
    ("B2", "no_loop", "Regroups", "came instead of the same ExceptionGroup"),
    ("B2", "worker", "NoCause", "its cause is None"),
    ("B2", "on_loop", "NoNote", "its note is lost"),
    ("B2", "portal", "NoFrame", "the coroutine is not in its traceback"),
    ("B3", "no_loop", "Uncancelled", "the call returned None"),
    ("B4", "no_loop", "OnlyExceptions", "RuntimeError came instead of Unusual"),
    ("B4", "worker", "DeadAfterwards", "the call after SystemExit returned another's value"),
    ("B5", "no_loop", "RaisesWhatIsReturned", "it was raised: ValueError: returned"),
    ("B6", "no_loop", "Unwraps", "LookupError: what was below caused by StopIteration"),
    ("B6", "portal", "PortalThatStops", "the portal returned"),
    ("C1", "no_loop", "EmptyContext", "inside it has the value 'of nobody'"),
    ("C2", "no_loop", "AlwaysBack", "without having been asked for"),
    ("C2", "worker", "NeverBack", "the change is lost although it was asked for"),
    ("C2", "on_loop", "NoWayBack", "the change is lost"),
    ("E1", "no_loop", "FreshLoops", "attached to a different loop"),
    ("E2", "no_loop", "FreshLoops", "attached to a different loop"),
    ("E2", "worker", "FreshLoops", "attached to a different loop"),
    ("E3", "no_loop", "LeftLoops", "had not run after 0.6 s"),
    ("E4", "no_loop", "LeftLoops", "had not run after 0.5 s"),
    ("E5", "no_loop", "Leaks", "120 descriptors and 0 threads more"),
    ("E5", "no_loop", "LeaksThreads", "0 descriptors and 120 threads more"),
    ("E6", "no_loop", "Keeps", "something kept it"),
    ("E7", "no_loop", "Replaces", "it has replaced asyncio.run"),
]


async def said(bridge: str, name: str, context: str) -> tuple[str, str]:
    """The verdict and the reason of one cell."""
    arguments = ["--function", catalog()[name].function, "--context", context]
    played: Played = await play(f"broken_bridges:{bridge}", arguments)
    assert played.answer is not None, played
    return played.answer["verdict"], played.answer["reason"]


@pytest.mark.parametrize(("name", "context", "bridge", "reason"), LACKING)
async def test_a_property_fails_on_the_bridge_that_lacks_it(
    name: str, context: str, bridge: str, reason: str
) -> None:
    """The same cell passes on a sound bridge, and fails for the right reason on one with that single fault."""
    sound, broken = await asyncio.gather(said("Sound", name, context), said(bridge, name, context))
    assert sound == ("pass", "")
    assert broken[0] == "fail", broken
    assert reason in broken[1]


def test_each_property_is_proven_able_to_fail() -> None:
    """None of the four groups has a property that no broken bridge here lacks."""
    groups = {name for name in catalog() if name[0] in "ABCE"}
    assert groups == {name for name, *_ in LACKING}

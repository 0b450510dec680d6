"""The hooks: complete, restored, and refused where nobody has read the interpreter."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import UsageError
from harness.simulation import Simulation, hooks, self_test

Played = Callable[..., Any]


def test_leaving_restores_everything(played: Played) -> None:
    """Modules, types, defaults, closures, chance and collection are as before; about a hundred were changed."""
    outcome = played("restored")
    assert outcome["changed"] > 80
    assert outcome["left"] == []
    assert outcome["real"] == [True, 1]
    assert outcome["typed"] == [True]


def test_every_way_to_a_loop_leads_to_a_simulated_one(played: Played) -> None:
    """Subclasses whose class statement ran before the hooks or after, direct construction, policy and runner."""
    taken, _, bound_before = played("restored")["value"]
    assert taken == [3.0] * 4
    assert bound_before == [True, True, True, 6]


def test_two_runs_in_one_process_are_equal(played: Played) -> None:
    """Counters, names and chance begin anew in each run."""
    _, names, _ = played("restored")["value"]
    assert names[1] == "Thread-1"
    assert played("restored")["equal"]


def test_no_twin_stands_for_two() -> None:
    """What is put back is found by what stands in for it, so that must be unambiguous."""
    pairs = hooks.twins()
    assert len({id(new) for _, new in pairs}) == len({id(old) for old, _ in pairs}) == len(pairs)


def test_an_unknown_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another minor version, and a version that lacks a hook, are refused before anything is touched."""
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    with pytest.raises(
        UsageError, match=r"does not know cpython 3\.99: it runs on CPython 3\.11, 3\.12, 3\.13"
    ):
        hooks.check_version()
    monkeypatch.setitem(hooks.VERSIONS, (3, 99), {"_no_such_hook": None})
    with pytest.raises(UsageError, match=r"no _thread\._no_such_hook"):
        hooks.check_version()


def test_a_hook_that_does_not_hold_is_refused_by_name() -> None:
    """The self-test names what failed, and takes no result at all for a failure."""
    self_test.check(())
    with pytest.raises(UsageError, match="does not hold: clock, join; play it in the stage live"):
        self_test.check(("clock", "join"))
    with pytest.raises(UsageError, match="every thread or loop"):
        self_test.check(None)


def test_the_self_test_finds_a_hook_that_is_not_there(played: Played) -> None:
    """Without one hook, its name is what the self-test gives."""
    assert played("broken") == {
        "none": [],
        "datetime": ["datetime"],
        "queue": ["queue"],
        "entropy": ["entropy"],
    }


@pytest.mark.parametrize("setting", [None, "random"])
def test_a_hash_seed_that_is_not_pinned_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    """Sets of text would be in another order each time."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    if setting:
        monkeypatch.setenv("PYTHONHASHSEED", setting)

    async def main() -> None:
        return

    with pytest.raises(UsageError, match="set PYTHONHASHSEED"):
        Simulation().run(main)


def test_importing_the_simulation_touches_nothing() -> None:
    """Hooks come with a run, not with an import."""
    code = (
        "import time, threading, queue, asyncio\n"
        "before = time.monotonic, threading.Lock, queue.SimpleQueue, asyncio.Task\n"
        "import harness.simulation\n"
        "assert before == (time.monotonic, threading.Lock, queue.SimpleQueue, asyncio.Task)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

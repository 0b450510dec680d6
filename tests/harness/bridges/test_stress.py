"""Stress passes a bridge that is right, and finds out every kind of bridge that is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.bridges import stress
from harness.errors import InvalidRun, UsageError
from harness.verdict import Verdict

CALLS = 3000
ALWAYS = {"plain", "suspending", "raising", "raising_base", "nested", "left_behind"}
FOR_OPTIONS = {"in_time", "out_of_time", "just_in_time", "blocking"} | {
    "cancelled",
    "cancelled_before",
    "cancelled_just_in_time",
}


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapters beside this file are found by the process that plays them."""
    monkeypatch.syspath_prepend(Path(__file__).parent)


def played(name: str, calls: int = CALLS, *, heard: list[int] | None = None, **options: Any) -> Any:
    """The result of a short run."""
    options = {"seed": 7, "hang_s": 10.0, **options}
    progress = (heard if heard is not None else []).append
    return stress.run(f"stress_adapters:{name}", calls, progress=progress, **options)


def test_a_sound_bridge_passes() -> None:
    """All kinds of calls are made, from threads without a loop and from a host, none is wrong, and all is flat."""
    heard: list[int] = []
    result = played("Sound", heard=heard)
    assert result.lines()[0].startswith("passed: 3,000 calls"), result.lines()
    assert (result.verdict, result.wrong, result.stuck, result.is_flat) == (Verdict.PASSED, 0, 0, True)
    assert set(result.by_kind) == ALWAYS | FOR_OPTIONS | {"forking"}
    assert sum(result.by_kind.values()) == result.calls == CALLS
    assert [(part.name, part.calls) for part in result.parts] == [("no_loop", 2250), ("host", 750)]
    assert heard[-1] == CALLS
    assert json.loads(json.dumps(result.as_json()))["verdict"] == "passed"


def test_only_what_a_bridge_serves_is_asked_of_it() -> None:
    """A bridge for a host's worker threads alone, without options, is played there alone, without options or forks."""
    result = played("Hosted")
    assert (result.verdict, [part.name for part in result.parts]) == (Verdict.PASSED, ["host"])
    assert set(result.by_kind) == ALWAYS


def test_a_seed_gives_the_same_calls() -> None:
    """Two runs of a seed make the same calls, and another seed makes others."""
    kinds = [played("Hosted", 300, seed=seed).by_kind for seed in (1, 1, 2)]
    assert kinds[0] == kinds[1] != kinds[2]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Swaps", "not its own value"),
        ("LosesOne", "answered None"),
        ("RunsTwice", "ran 2 times"),
        ("DeafToTokens", "cancelled_before"),
        ("LeavesUnfinished", "never came to their `finally`"),
    ],
)
def test_a_wrong_answer_is_found(name: str, reason: str) -> None:
    """One swapped, lost or repeated call among thousands, a token that is not heard, and a lost `finally` are each wrong."""
    result = played(name)
    assert (result.verdict, result.stuck) == (Verdict.FAILED, 0)
    assert result.wrong
    assert any(reason in told for told in result.reasons), result.reasons


@pytest.mark.parametrize("name", ["LeaksDescriptors", "LeaksThreads", "LeaksTasks"])
def test_a_leak_is_found(name: str) -> None:
    """Right answers do not hide a descriptor, a thread or a task that some of the calls leave behind."""
    result = played(name, hang_s=0.8)
    assert (result.verdict, result.wrong, result.stuck, result.is_flat) == (Verdict.FAILED, 0, 0, False)
    assert any("not flat" in line for line in result.lines())


@pytest.mark.parametrize("name", ["Sticks", "ForgetsForks"])
def test_a_stuck_call_is_found(name: str) -> None:
    """A call that never comes back, in this process or in a forked one, ends the run with the stacks of all threads."""
    result = played(name, hang_s=0.8)
    assert (result.verdict, result.stuck) == (Verdict.FAILED, 1)
    assert "most recent call first" in result.stacks


def test_a_process_that_dies_is_no_verdict() -> None:
    """A process that ends in the middle makes the run invalid, and its exit code is told."""
    with pytest.raises(InvalidRun, match="exit code 7"):
        played("Dies")


def test_a_process_that_says_nothing_is_stuck() -> None:
    """Where not even the watchdog runs any more, the process is asked for its stacks from outside, and ended."""
    result = played("HoldsTheInterpreter", hang_s=0.5)
    assert (result.verdict, result.stuck) == (Verdict.FAILED, 1)
    assert "stress_adapters.py" in result.stacks


def test_an_instance_is_as_good_as_a_class() -> None:
    """A name that stands for the adapter itself gives one adapter for both parts, and it is closed once."""
    result = played("instance", 300)
    assert (result.verdict, len(result.parts)) == (Verdict.PASSED, 2)


def test_an_adapter_that_is_none_is_refused() -> None:
    """A name that nothing stands at is told as a mistake of who asks."""
    with pytest.raises(UsageError, match="Nobody"):
        played("Nobody")


@pytest.mark.parametrize(("calls", "threads"), [(0, 8), (10, 0)])
def test_nothing_to_do_is_refused(calls: int, threads: int) -> None:
    """Stress without a call or without a thread is a mistake of who asks, not a pass."""
    with pytest.raises(UsageError, match="at least one"):
        played("Sound", calls, threads=threads)


def test_no_call_is_no_pass() -> None:
    """Where a bridge has no context that stress can use, the result is invalid."""
    result = played("OnLoopOnly", 100)
    assert (result.calls, result.verdict) == (0, Verdict.INVALID)

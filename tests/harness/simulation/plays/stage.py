"""What all plays share: run a coroutine in a simulation, and print what came of it as JSON."""

import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from harness.simulation import Budget, Escape, Fifo, Outcome, Pct, Policy, Simulation, Uniform

Main = Callable[[], Coroutine[Any, Any, Any]]
POLICIES: dict[str, Callable[[], Policy]] = {"fifo": Fifo, "uniform": Uniform, "pct": Pct}


def run(
    main: Main, *, seed: int = 0, policy: Policy | None = None, budget: Budget | None = None
) -> Outcome[Any]:
    """One run."""
    return Simulation(seed=seed, policy=policy, budget=budget).run(main)


def told(outcome: Outcome[Any]) -> dict[str, Any]:
    """An outcome as JSON can carry it."""
    return {
        "value": outcome.value,
        "error": None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}",
        "stopped": None if outcome.stopped is None else str(outcome.stopped),
        "hashes": [outcome.schedule_hash, outcome.observation_hash],
        "holds": len(outcome.holds),
        "leaked": list(outcome.leaked),
        "cycle": None if outcome.cycle is None else str(outcome.cycle),
        "virtual_s": round(outcome.virtual_s, 9),
        "steps": outcome.steps,
    }


def first_hit(main: Main, policy: Callable[[], Policy], runs: int) -> int | None:
    """The first seed at which the run's value is false or the run has none; None where there is no such seed."""
    for seed in range(runs):
        outcome = run(main, seed=seed, policy=policy())
        if not outcome.value:
            return seed
    return None


def show(what: Any) -> None:
    """Print for the test that started this."""
    json.dump(what, sys.stdout)


def say(line: str) -> None:
    """Print a line for a human."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show_all(cases: dict[str, Main]) -> None:
    """Run each case, and print all outcomes by name."""
    show({name: told(run(main)) for name, main in cases.items()})


def fleet(seed: int) -> Policy:
    """The policy of a seed where many are tried: they take turns."""
    return Uniform() if seed % 2 else Pct()


def ending(outcome: Outcome[Any]) -> str:
    """How a run ended, in a word: `held` where its value is true, else `broken`, or what it raised or was stopped by.

    Raises:
        Escape: the run is invalid, so it found nothing.
    """
    if isinstance(outcome.error, Escape):
        raise outcome.error
    if outcome.error is not None:
        return type(outcome.error).__name__
    if outcome.stopped is not None:
        return type(outcome.stopped).__name__
    return "held" if outcome.value else "broken"

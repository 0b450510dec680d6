"""Races, each with its mended twin: what is run with them, by hand and for the tests.

`hunt BASE BUDGETS` and `deep RUNS` look for them, `survey BASES RUNS` says from how many base seeds each is found how
soon. `replay NAME SEED HOLDS` runs one again; `shrinks SEEDS`, `shrink_table SEEDS` and `fresh COUNT` take up many.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from statistics import median
from typing import Any

import races_deadlocks
import races_services
import races_tasks
import races_threads
import races_timeouts
import stage

from harness.search.shrinking import drive, fewer
from harness.simulation import Hold, Outcome, Policy, Replay, Simulation, installed

MODULES = (races_tasks, races_threads, races_deadlocks, races_timeouts, races_services)
RACES: dict[str, Any] = {race.__name__: race for module in MODULES for race in module.RACES}
BASE_STEP = 1000


def played(name: str, seed: int, policy: Policy | None = None, *, mended: bool = False) -> Outcome[Any]:
    """One run of a race, by default under the policy whose turn it is; its value is observed."""
    simulation = Simulation(seed=seed, policy=policy or stage.fleet(seed))

    async def main() -> bool:
        held: bool = await RACES[name](mended=mended)
        simulation.observe(held)
        return held

    return simulation.run(main)


def failures(name: str, base: int) -> Iterator[tuple[int, Outcome[Any]]]:
    """The seeds from a base on whose runs go wrong."""
    for seed in count(base):
        outcome = played(name, seed)
        if stage.ending(outcome) != "held":
            yield seed, outcome


def sought(name: str, base: int, runs: int, *, mended: bool = False) -> tuple[int, Outcome[Any]] | None:
    """The first of so many seeds whose run goes wrong."""
    for seed in range(base, base + runs):
        outcome = played(name, seed, mended=mended)
        if stage.ending(outcome) != "held":
            return seed, outcome
    return None


def threaded(outcome: Outcome[Any]) -> bool:
    """Whether a run had a second thread."""
    return any("/thread" in lane for _, lane in outcome.trace)


def hunt(base: int, budgets: dict[str, int]) -> Any:
    """The ordinary run of each race, the first seed within its budget that finds it, and one that finds its twin."""
    found: dict[str, Any] = {}
    for name, runs in budgets.items():
        ordinary = played(name, base, stage.POLICIES["fifo"]())
        hit, twin = sought(name, base, runs), sought(name, base, runs, mended=True)
        found[name] = {
            "ordinary": stage.ending(ordinary),
            "threaded": threaded(ordinary),
            "seed": hit and hit[0],
            "ending": hit and stage.ending(hit[1]),
            "identity": hit and identity(hit[1]),
            "twin": twin and [twin[0], stage.ending(twin[1])],
        }
    return found


def deep(runs: int) -> Any:
    """The first run that each policy alone hits the deep order in."""
    race = RACES["deep_order"]
    return {name: stage.first_hit(race, policy, runs) for name, policy in stage.POLICIES.items()}


def survey(bases: int, runs: int, names: Sequence[str]) -> None:
    """Print a table: from each of so many base seeds, how many runs the first hit takes; the twin has as many."""
    stage.say("| race | threads | ends | found | by | median | worst | twin | ms a run |")
    stage.say("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        began, hits, endings, twins, by = time.perf_counter(), [], set(), 0, [0, 0]
        for base in range(0, bases * BASE_STEP, BASE_STEP):
            hit = sought(name, base, runs)
            if hit is not None:
                hits.append(hit[0] - base + 1)
                endings.add(stage.ending(hit[1]))
                by[hit[0] % 2] += 1
                twins += sought(name, base, hits[-1], mended=True) is not None
        run_ms = (time.perf_counter() - began) * 1000 / (2 * sum(hits) + runs * (bases - len(hits)))
        middle, worst = (median(hits), max(hits)) if hits else (None, None)
        threads = "yes" if threaded(played(name, 0, stage.POLICIES["fifo"]())) else "no"
        stage.say(
            f"| {name} | {threads} | {', '.join(sorted(endings))} | {len(hits)} of {bases} | "
            f"uniform {by[1]}, pct {by[0]} | {middle} | {worst} | {twins} | {run_ms:.1f} |"
        )


def told(holds: Sequence[Hold]) -> list[list[Any]]:
    """Holds as JSON can carry them."""
    return [[hold.lane, hold.step, hold.times] for hold in holds]


def identity(outcome: Outcome[Any]) -> list[Any]:
    """What must be the same when a run is repeated."""
    return [stage.told(outcome), told(outcome.holds)]


def replayed(name: str, seed: int, holds: list[list[Any]]) -> Any:
    """What a seed gives, and, where its deviations are told, what these give without the seed's policy."""
    return identity(played(name, seed, Replay(Hold(*hold) for hold in holds) if holds else None))


def shrunk(name: str, seed: int, failed: Outcome[Any]) -> tuple[Hold, ...]:
    """As few deviations as will do for a run to end as the one that failed."""
    wanted = stage.ending(failed)
    return drive(fewer, failed.holds, lambda kept: stage.ending(played(name, seed, Replay(kept))) == wanted)


def shrinks(seeds: int, names: Sequence[str]) -> dict[str, list[list[Any]]]:
    """So many failures of each race: its deviations, those that are left, and the seconds that this took."""
    found: dict[str, list[list[Any]]] = {name: [] for name in names}
    for name, rows in found.items():
        for seed, failed in islice(failures(name, 0), seeds):
            began = time.perf_counter()
            kept = shrunk(name, seed, failed)
            rows.append([len(failed.holds), len(kept), time.perf_counter() - began])
    return found


def shrink_table(found: dict[str, list[list[Any]]]) -> None:
    """Print what `shrinks` found, and how many came to at most three deviations within 5 s."""
    stage.say("| race | deviations | left | worst s |")
    stage.say("|---|---|---|---|")
    for name, rows in found.items():
        before, after, taken = zip(*rows, strict=True)
        stage.say(f"| {name} | {list(before)} | {list(after)} | {max(taken):.2f} |")
    every = [row for rows in found.values() for row in rows]
    good = sum(after <= 3 and taken <= 5 for _, after, taken in every)
    stage.say(f"at most 3 deviations within 5 s: {good} of {len(every)}")


def fresh(total: int) -> None:
    """Print how many of so many failures a fresh process replays to the same outcome and both hashes."""
    with installed():
        each = -(-total // len(RACES))
        found = [
            (name, seed, identity(outcome))
            for name in RACES
            for seed, outcome in islice(failures(name, 0), each)
        ][:total]
    others: list[str] = []
    for name, seed, expected in found:
        command = [sys.executable, __file__, "replay", name, str(seed), json.dumps(expected[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        if json.loads(done.stdout) != expected:
            others.append(f"{name} {seed}")
    stage.say(f"{len(found) - len(others)} of {len(found)} identical; not these: {others}")


MODES: dict[str, Callable[..., Any]] = {
    "hunt": lambda base, budgets: stage.show(hunt(int(base), json.loads(budgets))),
    "deep": lambda runs: stage.show(deep(int(runs))),
    "survey": lambda bases, runs, *names: survey(int(bases), int(runs), names or tuple(RACES)),
    "replay": lambda name, seed, holds: stage.show(replayed(name, int(seed), json.loads(holds))),
    "shrinks": lambda seeds, *names: stage.show(shrinks(int(seeds), names or tuple(RACES))),
    "shrink_table": lambda seeds, *names: shrink_table(shrinks(int(seeds), names or tuple(RACES))),
}


if __name__ == "__main__":
    if sys.argv[1] == "fresh":
        fresh(int(sys.argv[2]))
    else:
        with installed():
            MODES[sys.argv[1]](*sys.argv[2:])

"""The simulation's part of the benchmarks; everything that is measured runs in a process of its own.

    python tests/benchmarks/simulation.py                    every figure, with its floor; 1 where one is missed
    python tests/benchmarks/simulation.py --determinism      many seeds in many processes; 1 where two differ

A simulation never waits, so a second of the processor is one of a machine that does nothing else: that is held for
rates, since other processes slow the wall clock; for the hours it is the wall clock, and the store's disk is in it.
Requests a second are held as a ratio to the stock loop's in the same round: by the wall clock where the endpoint
sleeps, which bounds the stock loop by the 100 requests that are under way at once, else by the processor too.
Rounds are interleaved, so a machine that slows down slows all. looptime and aiotools virtualize the clock of a loop
only: their threads, and the loops in these, run for real and in any order.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simulation_determinism import differences
from simulation_hour import place
from simulation_rates import PEERS, Spent
from simulation_report import HEADING, Figure
from simulation_schedules import KINDS as RACES

ROOT = Path(__file__).parent.parent.parent
PLAYS = ROOT / "tests" / "harness" / "simulation" / "plays"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
REQUESTS = int(os.environ.get("REQUESTS", "2000"))
HOURS = int(os.environ.get("HOURS", "3"))
SCHEDULES_S = 2.0
FAULTS_SHARE = 0.05
ANSWER_S_MAX = 900.0
PEER_S_MAX = 30.0
KINDS = ("async", "def", "bridge", "def_sleep", "to_thread", "from_thread", "database")
SLEEPLESS = ("def", "database")
"""Kinds that never sleep, so that the stock loop has the processor all the time."""
RATIOS = {"async": 4.0, "def": 1.0, "bridge": 0.35}
HOUR_S_MAX = {"echo": 10.0, "reference": 60.0}
SCHEDULES = {"tasks": 1500.0, "bridge": 400.0, "http": 150.0}
DIFFERENCES_TOLD_MAX = 20
AT_ONCE = 2
"""Processes of the determinism's part that run side by side; no figure of it is a time."""


class NoFigureError(Exception):
    """There is none; the text says in a word why."""


def child(
    *arguments: object,
    hash_seed: int = 0,
    seconds_max: float = ANSWER_S_MAX,
    more: Mapping[str, str] | None = None,
) -> Any:
    """One figure, from a process of its own.

    Raises:
        NoFigureError: it could not be measured.
    """
    environment = {
        **os.environ,
        **(more or {}),
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(PLAYS))),
    }
    command = [sys.executable, str(Path(__file__).parent / "simulation_child.py"), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=seconds_max
        )
    except subprocess.TimeoutExpired:
        raise NoFigureError(f"no answer in {seconds_max:.0f} s") from None
    if done.returncode:
        raise NoFigureError((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:100])
    told = json.loads(done.stdout.splitlines()[-1])
    if "none" in told:
        raise NoFigureError(told["none"])
    return told["figure"]


class Rates:
    """Requests a second, round by round; who has no figure in one round is not asked again."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[Spent]] = {}
        self.silent: dict[tuple[str, str], str] = {}

    def measure(self) -> None:
        """One round."""
        for kind in KINDS:
            for where in ("stock", "shakeout", *(PEERS if kind in RATIOS else ())):
                key = kind, where
                if key in self.silent:
                    continue
                try:
                    limit_s = PEER_S_MAX if where in PEERS else ANSWER_S_MAX
                    rates = child("rate", where, kind, REQUESTS, seconds_max=limit_s)
                except NoFigureError as none:
                    self.silent[key] = str(none)
                    self.found.pop(key, None)
                else:
                    self.found.setdefault(key, []).append(rates)

    def figures(self) -> Iterator[Figure]:
        """Each rate, and each ratio to the stock loop's of the same round."""
        for kind in KINDS:
            for where in ("stock", "shakeout", *PEERS):
                if found := self.found.get((kind, where)):
                    yield Figure(name=f"{kind}, {where}: requests/s", values=by("wall", found))
                    if where == "shakeout" or kind in SLEEPLESS:
                        name = f"{kind}, {where}: requests/s of processor"
                        yield Figure(name=name, values=by("processor", found))
            ours, stock = (self.found.get((kind, where), []) for where in ("shakeout", "stock"))
            unit = by("processor" if kind in SLEEPLESS else "wall", stock)
            ratios = tuple(a / b for a, b in zip(by("processor", ours), unit, strict=False))
            yield Figure(
                name=f"{kind}, times the stock loop", values=ratios, least=RATIOS.get(kind), digits=2
            )


def by(clock: str, found: list[Spent]) -> tuple[float, ...]:
    """The figures of one clock."""
    return tuple(figure[clock] for figure in found)


def hours() -> Iterator[Figure]:
    """Seconds of an hour."""
    found: dict[str, list[Spent]] = {what: [] for what in HOUR_S_MAX}
    for number in range(HOURS):
        for what, values in found.items():
            with place() as folder:
                files = {"APP_STORE_URL": f"sqlite:///{folder}/store.db", "LOG_FILE": f"{folder}/log"}
                try:
                    played = child("hour", what, 1, FAULTS_SHARE, more=files)
                except NoFigureError as none:
                    say(f"the hour of the {what} app has no figure: {none}")
                    continue
            counts = played.pop("counts")
            values.append(played)
            if not number:
                told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
                say(f"the hour of the {what} app: {told}")
    for what, values in found.items():
        name = f"an hour of the {what} app with faults, s"
        yield Figure(name=name, values=by("wall", values), most=HOUR_S_MAX[what], digits=1)
        yield Figure(name=f"{name} of processor", values=by("processor", values), digits=1)


def races() -> Iterator[Figure]:
    """Distinct schedules a second."""
    found: dict[str, list[Spent]] = {kind: [] for kind in RACES}
    for number in range(ROUNDS):
        for kind, values in found.items():
            try:
                values.append(child("schedules", kind, SCHEDULES_S, number * 1_000_000))
            except NoFigureError as none:
                say(f"the schedules of {kind} have no figure: {none}")
    for kind, values in found.items():
        name = f"{kind}: distinct schedules/s"
        yield Figure(name=name, values=by("wall", values))
        yield Figure(name=f"{name} of processor", values=by("processor", values), least=SCHEDULES.get(kind))


def determined(seeds: int, processes: int) -> Figure:
    """Play so many seeds in so many processes, each with its own hash seed from 1 on, and count what differs."""
    began = time.monotonic()
    numbers = range(1, processes + 1)
    counts: tuple[float, ...] = ()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        playing = [
            pool.submit(child, "hashes", seeds, hash_seed=number, seconds_max=3600.0) for number in numbers
        ]
    try:
        found = differences(
            {number: played.result() for number, played in zip(numbers, playing, strict=True)}
        )
    except NoFigureError as none:
        say(f"a process has no hashes: {none}")
    else:
        counts = (float(len(found)),)
        for line in found[:DIFFERENCES_TOLD_MAX]:
            say(line)
    name = f"{seeds} seeds x {processes} processes differ ({time.monotonic() - began:.0f} s)"
    return Figure(name=name, values=counts, most=0)


def everything(seeds: int, processes: int) -> Iterator[Figure]:
    """Every figure, as soon as it is there."""
    rates = Rates()
    for _ in range(ROUNDS):
        rates.measure()
    yield from rates.figures()
    for (kind, where), why in rates.silent.items():
        say(f"{kind}, {where}: {why}")
    yield from races()
    yield from hours()
    yield determined(seeds, processes)


def main() -> int:
    """Measure, print, and hold the figures to their floors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--determinism", action="store_true", help="only compare hashes, of many seeds")
    parser.add_argument("--seeds", type=int, help="how many seeds each process plays (20; 200 alone)")
    parser.add_argument("--processes", type=int, help="how many processes play them (5; 20 alone)")
    options = parser.parse_args()
    seeds = options.seeds or (200 if options.determinism else 20)
    processes = options.processes or (20 if options.determinism else 5)
    missed = []
    say(HEADING)
    for figure in [determined(seeds, processes)] if options.determinism else everything(seeds, processes):
        say(figure.line())
        missed += [] if figure.kept else [figure.name]
    say(f"missed: {'; '.join(missed)}" if missed else "every floor is kept")
    return 1 if missed else 0


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

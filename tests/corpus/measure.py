"""How often the cause of an incident is ranked first, and among the first three: `python -m tests.corpus.measure`.

Every defect is played with one seed as the incident and with another as a candidate. Histories are kept in the folder
given by --cache, so that only the first run plays. Held to the targets are the defects whose log differs from its control's
in some scenario; the cells in which it does not are listed.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness import recording
from harness.history import History
from harness.incidents import Candidate, Ranked, Signature, odd, rank, signature_of
from harness.incidents.diagnose import merged
from harness.library import find
from harness.logs import parse
from harness.matrix.play import How, matrix
from harness.runner import Options
from harness.targets.profile import REFERENCE, load
from tests.corpus.incident import healthy_requests, requests_of, shuffled

STAGES = ("simulated", "live")
FIRST_MIN, THREE_MIN = 0.75, 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One defect in one scenario, or the clean service where `defect` is empty."""

    scenario: str
    defect: str


def histories(cache: Path, seed: int) -> dict[tuple[Cell, str], History]:
    """What was played with a seed, by cell and arm; plays it first where the folder has none of it."""
    folder = cache / f"seed{seed}"
    if not folder.is_dir():
        options = Options(profile=load(REFERENCE), seed=seed, histories=folder)
        asyncio.run(matrix(find(["incidents"]), options, How(stages=STAGES, declared=True)))
    return dict(_read(folder))


def _read(folder: Path) -> Iterator[tuple[tuple[Cell, str], History]]:
    for path in sorted(folder.glob("*.jsonl")):
        history = recording.load(path.read_bytes())
        head = history.header
        yield (Cell(scenario=head.scenario, defect="".join(head.defects)), head.arm), history


def healthy_of(played: dict[tuple[Cell, str], History]) -> list[History]:
    """The runs without any defect or fault."""
    return [
        one
        for (cell, arm), one in played.items()
        if not cell.defect and (arm == "control" or (cell, "control") not in played)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The signatures of everything that was played."""

    incidents: dict[Cell, Signature]
    candidates: dict[Cell, Candidate]
    healthy: Signature

    @property
    def silent(self) -> list[Cell]:
        """The cells whose log does not differ from that of their control."""
        return [cell for cell, one in self.candidates.items() if not odd(one.run, one.control).traits]


def corpus(cache: Path, seeds: tuple[int, int], lines: int) -> Corpus:
    """Play what was not played yet, and make incidents, candidates and the healthy log of it."""
    one, other = (histories(cache, seed) for seed in seeds)
    contract = load(REFERENCE).contract
    healthy = merged(signature_of(run.logs, contract) for run in healthy_of(other))
    draw = random.Random(seeds[0])
    good = [requests_of(history.logs) for history in healthy_of(one)]
    before, after = (tuple(parse(shuffled(healthy_requests(good, draw, lines // 2), draw))) for _ in range(2))
    incidents, candidates = {}, {}
    for (cell, arm), history in one.items():
        if cell.defect and arm == "faulted":
            bad = parse(shuffled(requests_of(history.logs), draw))
            incidents[cell] = signature_of(chain(before, bad, after), contract)
    for (cell, arm), history in other.items():
        if cell.defect and arm == "faulted":
            clean = other[Cell(scenario=cell.scenario, defect=""), "faulted"]
            candidates[cell] = Candidate(
                run=signature_of(history.logs, contract), control=signature_of(clean.logs, contract)
            )
    return Corpus(incidents=incidents, candidates=candidates, healthy=healthy)


def label(cell: Cell) -> str:
    """A cell by name."""
    return f"{cell.defect} in {cell.scenario}"


def place(ranked: tuple[Ranked, ...], defect: str) -> int:
    """The place of a defect among the causes, its best scenario counting; 0 where it is not there."""
    names = list(dict.fromkeys(one.name.partition(" in ")[0] for one in ranked))
    return names.index(defect) + 1 if defect in names else 0


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{text}\n")


def explain(cell: Cell, ranked: tuple[Ranked, ...]) -> None:
    """Why a cell is not first: those before it, and itself."""
    own = [one for one in ranked if one.name == label(cell)]
    for told in (*ranked[:3], *own):
        say(f"    {told.name}: {told.distance}")


def equals(cell: Cell, ranked: tuple[Ranked, ...]) -> set[str]:
    """The other defects that are exactly as near to a cell's incident as the cell is itself."""
    own = [one.distance.value for one in ranked if one.name == label(cell)]
    return {
        " = ".join(sorted((cell.defect, one.name.partition(" in ")[0])))
        for one in ranked
        if [one.distance.value] == own and own[0] < 1 and not one.name.startswith(f"{cell.defect} in ")
    }


def _one_each(places: dict[Cell, int]) -> dict[Cell, int]:
    """Of each defect its first cell."""
    of_defect = {cell.defect: cell for cell in reversed(places)}
    return {cell: places[cell] for cell in of_defect.values()}


def summary(places: dict[Cell, int], what: str) -> tuple[float, float]:
    """How many are first, and among the first three, as shares; also written."""
    first = sum(found == 1 for found in places.values()) / len(places)
    three = sum(1 <= found <= 3 for found in places.values()) / len(places)
    say(f"{what}: {len(places)}, first {first:.0%}, among the first three {three:.0%}")
    return first, three


def main() -> int:
    """Measure, and tell; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where what was played is kept")
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=(1, 2), help="of the incidents, of the candidates"
    )
    parser.add_argument("--lines", type=int, default=10_000, help="healthy lines around an incident")
    parser.add_argument("--show", action="store_true", help="show why, for each that is not first")
    asked = parser.parse_args()
    made = corpus(asked.cache, tuple(asked.seeds), asked.lines)
    named = {label(cell): one for cell, one in made.candidates.items()}
    places, alike = {}, set()
    for cell, signature in sorted(made.incidents.items(), key=lambda one: (one[0].defect, one[0].scenario)):
        ranked = rank(signature, made.healthy, named)
        places[cell] = place(ranked, cell.defect)
        alike |= {pair for pair in equals(cell, ranked) if cell not in made.silent}
        say(f"{places[cell]:3} {ranked[0].distance.value:.2f} {label(cell)}")
        if asked.show and places[cell] != 1:
            explain(cell, ranked)
    say("told apart by nothing in the log: " + "; ".join(sorted(alike)))
    say("no other log than the clean service's: " + ", ".join(label(cell) for cell in made.silent))
    summary(places, "defects in every scenario that declares them")
    silent = set(made.silent)
    telling = {cell: at for cell, at in places.items() if cell not in silent}
    summary(telling, "of these with a log of their own")
    summary(_one_each(places), "defects")
    first, three = summary(_one_each(telling), "defects with a log of their own")
    return 0 if first >= FIRST_MIN and three >= THREE_MIN else 1


if __name__ == "__main__":
    raise SystemExit(main())

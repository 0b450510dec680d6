"""How far what a candidate's run logged is from what an incident logged, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import log

from harness.incidents.signature import Odd, Signature, odd

BEYOND = 0.25
"""What a trait weighs that the run has and the incident's log has not: a log is often an excerpt."""

SOFT = 0.3
"""What a magnitude weighs: how long something takes is another time on another machine."""

FIRST_TURN = (
    "these lines are also those of a healthy log, such as a first turn; it is assumed that they should not have been "
    "written there, as on a turn that was not the first"
)
"""What is assumed of a log in which nothing is odd."""

_ACCESS = "access line"
_TOLD_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a candidate's run logged, and what its control did: the same scenario without the defect or the fault."""

    run: Signature
    control: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far a run is from an incident: `value` is 0 for the same traits, 1 for none in common.

    `lacks` are the traits that the incident has and the run has not, `beyond` those that only the run has, `shares`
    those of both, each the weightiest first. `reordered` is what follows what in the incident and not in the run: it
    decides only between those that are as near, for threads write in an order of their own.
    """

    value: float
    lacks: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def nearness(self) -> tuple[float, int]:
        """What it is compared by: the traits, and where those are as near the order."""
        return round(self.value, 6), len(self.reordered)

    def __str__(self) -> str:
        """The distance, and what makes it, in one line."""
        kinds = (
            ("shares", self.shares),
            ("lacks", self.lacks),
            ("beyond it", self.beyond),
            ("in another order", self.reordered),
        )
        parts = [f"{word} {_listed(traits)}" for word, traits in kinds if traits]
        return f"{self.value:.2f}: " + ("; ".join(parts) if parts else "nothing to compare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate by name, and how far it is from the incident."""

    name: str
    distance: Distance


def rarity(odds: Iterable[Odd]) -> dict[str, float]:
    """The weight of each trait: the fewer candidates have it, the more it says."""
    every = list(odds)
    counts = Counter(trait for one in every for trait in one.traits)
    return {trait: log((len(every) + 1) / count) for trait, count in counts.items()}


def distance(incident: Odd, candidate: Odd, weights: Mapping[str, float]) -> Distance:
    """How far a candidate's odd traits are from the incident's; a trait without a weight is as rare as any."""
    rarest = max(weights.values(), default=1.0)

    def weight(trait: str) -> float:
        return weights.get(trait, rarest) * (SOFT if "=~" in trait else 1.0)

    def sorted_by_weight(traits: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(traits, key=lambda one: (-weight(one), one)))

    shares = sorted_by_weight(incident.traits.keys() & candidate.traits.keys())
    lacks = sorted_by_weight(incident.traits.keys() - candidate.traits.keys())
    beyond = sorted_by_weight(candidate.traits.keys() - incident.traits.keys())
    common = sum(weight(one) * max(incident.traits[one], candidate.traits[one]) for one in shares)
    apart = sum(weight(one) * incident.traits[one] for one in lacks)
    apart += BEYOND * sum(weight(one) * candidate.traits[one] for one in beyond)
    return Distance(
        value=apart / (common + apart) if common else 1.0,
        lacks=lacks,
        beyond=beyond,
        shares=shares,
        reordered=tuple(sorted(incident.orders - candidate.orders)),
        assumptions=incident.assumptions,
    )


def rank(incident: Signature, healthy: Signature, candidates: Mapping[str, Candidate]) -> tuple[Ranked, ...]:
    """The candidates, the nearest first; of equal ones those first that wrote in the same order, then by name.

    What is odd in an incident and in a run is odd beside the same healthy log. Where nothing is odd in an incident, all
    of it is held against what each run has beyond its own control.
    """
    wanted = odd(incident, healthy)
    if wanted.traits:
        odds = {name: odd(one.run, healthy) for name, one in candidates.items()}
    else:
        told = (*incident.assumptions, FIRST_TURN)
        wanted = Odd(traits=dict.fromkeys(incident.traits, 1.0), assumptions=told)
        odds = {name: odd(one.run, one.control) for name, one in candidates.items()}
    weights = rarity(odds.values())
    ranked = [
        Ranked(name=name, distance=distance(seen_by(wanted, candidates[name].run), one, weights))
        for name, one in odds.items()
    ]
    return tuple(sorted(ranked, key=lambda one: (*one.distance.nearness, one.name)))


def seen_by(wanted: Odd, run: Signature) -> Odd:
    """What of an incident a run could show: without a server in front, no run writes access lines."""
    if _ACCESS in run.traits:
        return wanted
    kept = {trait: weight for trait, weight in wanted.traits.items() if not trait.startswith(_ACCESS)}
    return replace(wanted, traits=kept)


def _listed(traits: tuple[str, ...]) -> str:
    """The weightiest of the traits, and how many more there are."""
    more = f" and {len(traits) - _TOLD_MAX} more" if len(traits) > _TOLD_MAX else ""
    return ", ".join(f"[{trait}]" for trait in traits[:_TOLD_MAX]) + more

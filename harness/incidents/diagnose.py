"""The search: suspects are tried, and those whose runs failed are ranked by how near their logs are to the incident's."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.errors import InvalidRun
from harness.incidents.affinity import ordered
from harness.incidents.candidates import NO_FAULT, Suspect
from harness.incidents.distance import Distance, rank
from harness.incidents.events import event_of, explained
from harness.incidents.lab import Lab, Tried
from harness.incidents.run_log import LIFECYCLE
from harness.incidents.signature import Read, Signature, odd, signature_of
from harness.incidents.traits import contradicts, exceptions_in
from harness.runner import Arm
from harness.scenario import Scenario

SHARED_MIN = 0.5
"""So much of what is odd in the log a run must show, or it is no match."""

SHARED_MIN_HEALTHY = 0.75
"""So much of a log in which nothing is odd."""

SILENT = (
    "nothing sets this log apart from what the service logs anyhow: it was searched for a failure that its log does "
    "not show, and whether the incident was this one the log cannot tell"
)
"""What is assumed where the service fails and its log looks healthy."""

ALIKE = Distance(value=0.0, assumptions=(SILENT,))
"""Between a log in which nothing is odd, and that of a run which failed and shows nothing of it."""

MORE_TIME = "give it more with --for"
"""What is to be done where the time was too short."""

CLEARLY = 0.5
"""Whoever fits the words of the log less than so much of a match that lacks nothing is not tried any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A suspect whose run failed, and how far its log is from the incident's."""

    tried: Tried
    distance: Distance

    @property
    def suspect(self) -> Suspect:
        """Who it is."""
        return self.tried.suspect

    @property
    def shared(self) -> float:
        """How much of what is odd in the log its run shows, 0 to 1."""
        known = len(self.distance.shares) + len(self.distance.lacks)
        return len(self.distance.shares) / known if known else 0.0

    @property
    def lacks(self) -> tuple[str, ...]:
        """What is odd in the log and nowhere in its run; what the twin's run shows as often is no lack."""
        run = self.tried.candidate.run.traits
        return tuple(trait for trait in self.distance.lacks if trait not in run)


@dataclass(slots=True)
class Diagnosis:
    """What is known of an incident so far.

    `healthy` is what the service logs on the drills without a fault, where it keeps its promises.
    `fits` says of each suspect how well its words fit.
    """

    incident: Signature
    healthy: Signature = field(default_factory=lambda: Signature(threads=0))
    played: int = 0
    notes: list[str] = field(default_factory=list)
    fits: dict[str, float] = field(default_factory=dict)
    read: Read = signature_of
    _tried: dict[str, Tried] = field(default_factory=dict)
    _ranked: tuple[Cause, ...] | None = None

    @property
    def odd(self) -> tuple[str, ...]:
        """The traits that set the incident apart; none where a healthy log has them all."""
        return tuple(sorted(odd(self.incident, self.healthy).traits))

    @property
    def said(self) -> tuple[str, ...]:
        """What the search goes by: what is odd, else all."""
        return self.odd or tuple(sorted(self.incident.traits))

    @property
    def logged(self) -> frozenset[str]:
        """What was logged by any run that failed."""
        return frozenset().union(*(tried.candidate.run.traits for tried in self._tried.values()))

    @property
    def equals(self) -> tuple[str, ...]:
        """The matches that are as near as the nearest, by name: the log does not tell them apart."""
        near = [
            cause for cause in self.matches if cause.distance.nearness <= self.matches[0].distance.nearness
        ]
        return tuple(dict.fromkeys(cause.suspect.name for cause in near))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Those whose runs failed and share anything with the log, the nearest first."""
        if self._ranked is None:
            candidates = {label: one.candidate for label, one in self._tried.items()}
            ranked = rank(self.incident, self.healthy, candidates)
            known = ((self._tried[one.name], one.distance) for one in ranked)
            causes = (Cause(tried=tried, distance=self._seen(tried, apart)) for tried, apart in known)
            sharing = (cause for cause in causes if cause.distance.shares or cause.distance is ALIKE)
            self._ranked = tuple(sorted(sharing, key=self._order))
        return self._ranked

    def _order(self, cause: Cause) -> tuple[float, int, bool, float]:
        """The nearer first; of those that are as near, the service without a fault, then whom more words speak for."""
        is_faulted = cause.suspect.name != NO_FAULT
        return (*cause.distance.nearness, is_faulted, -self.fits.get(cause.suspect.label, 0.0))

    @property
    def matches(self) -> tuple[Cause, ...]:
        """Those that are near enough to be called a reproduction, the nearest first; those that log nothing last."""
        known = self._known
        found = [cause for cause in self.causes if self._near(cause, known)]
        return tuple(sorted(found, key=lambda cause: cause.distance is ALIKE))

    @property
    def settled(self) -> bool:
        """Whether nothing else is looked for: a fault explains it, or the service without one does, and all of it."""
        return any(cause.suspect.name != NO_FAULT or not cause.lacks for cause in self.matches)

    def matched(self, tried: Tried) -> bool:
        """Whether one run by itself is near enough."""
        return self._near(Cause(tried=tried, distance=self.distance(tried)), self._known)

    @property
    def _known(self) -> frozenset[str]:
        """The events that any run wrote."""
        return frozenset(map(event_of, self.healthy.traits.keys() | self.logged))

    def _near(self, cause: Cause, known: frozenset[str]) -> bool:
        if cause.distance is ALIKE:
            return True
        if any(map(contradicts, cause.lacks)):  # whatever else it shows, it does not fail as the log says
            return False
        if exceptions_in(cause.lacks) and not exceptions_in(cause.distance.shares):
            return False  # it fails with another exception, or with none
        if not self.odd:
            return cause.shared >= SHARED_MIN_HEALTHY
        known |= set(map(event_of, cause.tried.candidate.run.traits))
        return max(cause.shared, explained(cause.distance.shares, cause.distance.lacks, known)) >= SHARED_MIN

    def distance(self, tried: Tried) -> Distance:
        """How far one run is from the incident, with all traits of equal weight: no other candidate counts."""
        (ranked,) = rank(self.incident, self.healthy, {tried.suspect.label: tried.candidate})
        return self._seen(tried, ranked.distance)

    def _seen(self, tried: Tried, distance: Distance) -> Distance:
        """The distance; where neither log has anything odd in it, they are alike.

        Only the service as it is may be suspected so: of a mistake that it does not have, a healthy log says nothing.
        """
        shown = self.odd or tried.suspect.defects or distance.shares or distance.beyond
        return distance if shown else ALIKE

    def add(self, tried: Tried) -> None:
        """Take one more into account."""
        self._tried[tried.suspect.label] = tried
        self._ranked = None


async def meet(lab: Lab, diagnosis: Diagnosis, drills: Sequence[Scenario]) -> list[Arm]:
    """Learn what the service logs when it is well; a drill that fails without a fault is a suspect by itself.

    Raises:
        UsageError: the target does not start, or the stage cannot carry it.
        InvalidRun: none of the runs proves anything.
    """
    arms = await lab.clean(drills)
    known = [(drill, arm) for drill, arm in zip(drills, arms, strict=False) if arm is not None]
    if len(arms) < len(drills):
        diagnosis.notes.append(
            f"time was over: {len(arms)} of {len(drills)} drills without a fault were played; {MORE_TIME}"
        )
    if not known:
        raise InvalidRun(next(iter(lab.refused), "there is no drill to play"))
    said = [lab.signature(arm.history) for _, arm in known if not arm.judgement.violations]
    if not said:
        diagnosis.notes.append(
            "the service fails without any fault: what it logs when it is well is not known"
        )
    diagnosis.healthy = merged([diagnosis.healthy, lab.said(LIFECYCLE), *said])
    for drill, arm in known:
        if arm.judgement.violations:
            suspect = Suspect(name=NO_FAULT, scenario=drill, stage=lab.stage, twin=drill)
            diagnosis.add(lab.told(suspect, arm, diagnosis.healthy))
    return [arm for _, arm in known]


async def search(lab: Lab, diagnosis: Diagnosis, suspects: Iterable[Suspect]) -> None:
    """Try suspects, most promising first, until one lacks nothing and those that are left fit the words clearly less."""
    order = ordered(suspects, diagnosis.said)
    diagnosis.fits.update((suspect.label, fit) for suspect, fit in order)

    def enough(begun: int) -> bool:
        whole = [cause for cause in diagnosis.matches[:1] if not cause.lacks]
        left = max((fit for _, fit in order[begun:]), default=0.0)
        return any(
            cause.distance is ALIKE or left < CLEARLY * diagnosis.fits.get(cause.suspect.label, 0.0)
            for cause in whole
        )

    await lab.tried([suspect for suspect, _ in order], diagnosis.add, enough=enough)
    diagnosis.played += lab.count
    if lab.spent and lab.count < len(order) and not enough(lab.count):
        stage = order[0][0].stage
        diagnosis.notes.append(f"time was over: {lab.count} of {len(order)} were tried {stage}; {MORE_TIME}")
    diagnosis.notes += [
        f"{count} runs proved nothing: {reason}" for reason, count in lab.refused.most_common()
    ]


def merged(signatures: Iterable[Signature]) -> Signature:
    """What several logs say together."""
    threads, traits, orders = 0, Counter[str](), Counter[str]()
    for one in signatures:
        threads += one.threads
        traits.update(one.traits)
        orders.update(one.orders)
    return Signature(threads=threads, traits=dict(traits), orders=dict(orders))

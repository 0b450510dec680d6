"""A match is made smaller only by what it breaks each time, and is no match if it never breaks again."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.history import Contract
from harness.incidents import Candidate, Signature, signature_of
from harness.incidents.candidates import Suspect
from harness.incidents.diagnose import Cause, Diagnosis
from harness.incidents.lab import Tried
from harness.incidents.smaller import CONFIRMED_WITHIN, Smallest, smallest
from harness.logs import parse
from harness.scenario import Scenario, Turn
from harness.verdict import Violation

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")
FAR_S, OVER_S = float("inf"), 0.0
PLAIN = "app INFO done ok=true request_id=1"
LOST = "app ERROR lost kind=store request_id=1"
WARNED = "app WARNING also said=this request_id=1"


class Scripted:
    """A laboratory in which each run ends as it was written down; the last goes on for ever."""

    def __init__(self, *runs: Tried | None) -> None:
        self.played = 0
        self._runs = iter(runs)
        self._last = runs[-1]

    async def again(self, _suspect: Suspect) -> Tried | None:
        """The next run."""
        self.played += 1
        return next(self._runs, self._last)


def signature(*lines: str) -> Signature:
    """What a log of these lines says."""
    return signature_of(parse(lines), CONTRACT)


def run(*broken: str, logged: Sequence[str] = (LOST,), turns: int = 1) -> Tried:
    """A run of so many turns that broke these invariants, and logged these lines."""
    scenario = Scenario(steps=(Turn(),) * turns, name="drill")
    return Tried(
        suspect=Suspect(name="fault", scenario=scenario, stage="live", twin=scenario),
        violations=tuple(Violation(invariant=name, message="", evidence="") for name in broken),
        candidate=Candidate(run=signature(*logged), control=signature(PLAIN)),
    )


async def found(first: Tried, *again: Tried | None, until_s: float = OVER_S) -> Smallest | None:
    """What comes of a match that was seen once, and is played again."""
    known = Diagnosis(signature(LOST), healthy=signature(PLAIN))
    known.add(first)
    cause = Cause(tried=first, distance=known.distance(first))
    lab: Any = Scripted(*again)
    return await smallest(lab, known, cause, until_s=until_s, ends_s=FAR_S)


async def test_it_counts_for_what_it_breaks_each_time() -> None:
    """What was late once, on a busy machine, is not the reason; what is broken again is."""
    small = await found(run("late", "lost"), run("lost"))
    assert small is not None
    assert small.invariant == "lost"


async def test_a_run_that_goes_well_by_chance_is_no_refutation() -> None:
    """A race may be won: it is played again, so many times."""
    lucky = [None] * (CONFIRMED_WITHIN - 1)
    small = await found(run("lost"), *lucky, run("lost"))
    assert small is not None
    assert small.runs == CONFIRMED_WITHIN


async def test_what_never_fails_again_is_no_match() -> None:
    """Neither where it goes well each time, nor where it fails for something else, nor where its log is another."""
    other: Iterator[Tried | None] = iter((None, run("late"), run("lost", logged=(PLAIN,))))
    for again in other:
        assert await found(run("lost"), again) is None


async def test_a_line_more_or_less_in_the_log_of_a_run_is_still_the_match() -> None:
    """Threads and a process that ends log a line more at times: the run that confirms may lie a little farther off."""
    again = run("lost", logged=(LOST, WARNED))
    small = await found(run("lost"), again)
    assert small is not None
    assert small.tried is again


async def test_when_the_time_is_over_it_is_played_once_more_and_no_second_time() -> None:
    """Whoever gave so much time does not wait for a race that went well: one run must do, and it does."""
    first = run("lost")
    known = Diagnosis(signature(LOST), healthy=signature(PLAIN))
    cause = Cause(tried=first, distance=known.distance(first))
    for again, is_found in ((None, False), (run("lost"), True)):
        lab: Any = Scripted(again, run("lost"))
        small = await smallest(lab, known, cause, until_s=OVER_S, ends_s=OVER_S)
        assert (small is not None, lab.played) == (is_found, 1)


async def test_a_smaller_one_whose_log_is_farther_off_is_not_kept() -> None:
    """It breaks the same, and does not log what the incident did: the match stays as large as it is."""
    again = run("lost", turns=3)
    small = await found(run("lost", turns=3), again, run("lost", logged=(PLAIN,)), until_s=FAR_S)
    assert small is not None
    assert small.tried is again
    assert small.runs > 1
    nearer = run("lost")
    small = await found(run("lost", turns=3), again, nearer, until_s=FAR_S)
    assert small is not None
    assert small.tried is nearer

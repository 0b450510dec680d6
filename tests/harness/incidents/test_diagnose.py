"""The ranking of suspects, what counts as a match, and when a search has seen enough."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness.history import Contract
from harness.incidents import Candidate, Signature, signature_of
from harness.incidents.candidates import Suspect
from harness.incidents.diagnose import ALIKE, Diagnosis, merged, search
from harness.incidents.lab import Lab, Tried
from harness.logs import parse
from harness.scenario import Scenario, Turn
from harness.verdict import Violation

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")
PLAIN = "app INFO begun request_id={0}\napp INFO done ok=true request_id={0}\n"
LATE = "app WARNING skipped fallback=second request_id={0}\napp INFO done ok=true request_id={0}\n"
LOST = "app ERROR lost kind=store request_id={0}\napp INFO done ok=false request_id={0}\n"


def signature(*requests: str) -> Signature:
    """What a log of such requests says."""
    text = "".join(one.format(number) for number, one in enumerate(requests))
    return signature_of(parse(text.splitlines()), CONTRACT)


def suspect(name: str, *, told: str = "", defect: bool = True) -> Suspect:
    """A suspect that is a mistake, or the service as it is."""
    scenario = Scenario(steps=(Turn(),), name="drill")
    return Suspect(
        name=name,
        scenario=scenario,
        stage="simulated",
        twin=scenario,
        defects=(name,) if defect else (),
        reasons=("known",),
        told=told,
    )


def tried(one: Suspect, *requests: str) -> Tried:
    """It failed, and logged these requests where its twin logged plain ones."""
    broken = tuple(Violation(invariant=name, message="", evidence="") for name in ("other", "known"))
    candidate = Candidate(run=signature(*requests), control=signature(PLAIN, PLAIN))
    return Tried(suspect=one, violations=broken, candidate=candidate)


def diagnosis(*requests: str) -> Diagnosis:
    """What is known of an incident before anything was tried."""
    return Diagnosis(signature(*requests), healthy=signature(PLAIN, PLAIN))


def names(found: Sequence[object]) -> list[str]:
    """The names of causes."""
    return [getattr(one, "suspect").name for one in found]  # noqa: B009  # causes are compared by name alone


def test_the_run_that_shows_what_is_odd_is_the_match_and_one_that_shows_nothing_of_it_is_no_cause() -> None:
    """Nearest first; whoever shares nothing with the log is not even named as the nearest."""
    known = diagnosis(PLAIN, LATE)
    known.add(tried(suspect("loses"), PLAIN, LOST))
    known.add(tried(suspect("skips"), PLAIN, LATE))
    assert (names(known.causes), names(known.matches)) == (["skips"], ["skips"])
    assert known.matches[0].lacks == ()
    assert known.matches[0].tried.violation.invariant == "known"


@pytest.mark.parametrize(("raised", "matches"), [("KeyError", ["same"]), ("ValueError", []), ("", [])])
def test_a_run_that_fails_with_another_exception_is_no_match(raised: str, matches: list[str]) -> None:
    """However much else it shows: the log says with which one."""
    failing = "app ERROR lost kind=store status=500 path=/turn error={} request_id={{0}}\n"
    known = diagnosis(PLAIN, failing.format("KeyError"))
    known.add(tried(suspect("same"), PLAIN, failing.format(raised or "none")))
    assert (names(known.causes), names(known.matches)) == (["same"], matches)


def test_matches_that_are_as_near_are_named_the_one_with_fitting_words_first() -> None:
    """The log does not tell them apart, and nobody pretends that it does."""
    known = diagnosis(LATE)
    for name in ("first", "second"):
        known.add(tried(suspect(name), LATE))
    known.fits = {"second, drill": 1.0}
    assert known.equals == ("second", "first")


def test_what_does_not_show_the_contradiction_of_a_log_is_no_match() -> None:
    """However much else it shares: a request that ended with a 500 and called that a success is what the log is about."""
    odd = LATE.replace("ok=true", "status_code=500 success=true")
    known = diagnosis(PLAIN, odd)
    known.add(tried(suspect("near"), PLAIN, LATE.replace("ok=true", "status_code=500 success=false")))
    assert (names(known.causes), names(known.matches)) == (["near"], [])
    known.add(tried(suspect("same"), PLAIN, odd))
    assert names(known.matches) == ["same"]


def test_of_a_healthy_log_no_mistake_is_suspected_that_leaves_no_trace() -> None:
    """A mistake which the service does not have, and of which the log says nothing, is nothing but invented."""
    known = diagnosis(PLAIN, PLAIN)
    known.add(tried(suspect("silent"), PLAIN, PLAIN))
    known.add(tried(suspect("loses"), PLAIN, LOST))
    assert (known.odd, known.matches) == ((), ())


def test_a_service_that_fails_and_logs_nothing_of_it_is_a_match_for_a_healthy_log() -> None:
    """It is the service as it is, and what is assumed is said; one whose log would show something is none."""
    known = diagnosis(PLAIN, PLAIN)
    known.add(tried(suspect("loud", defect=False), PLAIN, LOST))
    known.add(tried(suspect("silent", defect=False), PLAIN, PLAIN))
    assert names(known.matches) == ["silent"]
    assert known.matches[0].distance is ALIKE
    assert "the log cannot tell" in ALIKE.assumptions[0]


def test_where_something_is_odd_silence_is_no_match() -> None:
    """A run that fails and logs nothing odd does not explain a log that does."""
    known = diagnosis(PLAIN, LOST)
    known.add(tried(suspect("silent", defect=False), PLAIN, PLAIN))
    assert known.matches == ()


def test_what_several_logs_say_is_added_up() -> None:
    """Requests of two logs are those of one, also where both number theirs alike."""
    both = merged([signature(PLAIN), signature(PLAIN, LATE)])
    assert both.threads == 3
    assert (both.traits["begun"], both.traits["done"]) == (2, 3)


class FakeLab(Lab):
    """Plays nothing: each suspect fails and logs what it is called by."""

    def __init__(self) -> None:
        super().__init__(options=None, plays=(), until_s=0.0, say=print)  # type: ignore[arg-type]  # nothing is played
        self.begun: list[str] = []

    async def tried(
        self, suspects: Sequence[Suspect], found: Callable[[Tried], None], *, enough: Callable[[int], bool]
    ) -> None:
        """Each in turn, until it is enough."""
        for number, one in enumerate(suspects):
            if enough(number):
                return
            self.begun.append(one.name)
            found(tried(one, PLAIN, {"skips": LATE}.get(one.name, LOST)))


@pytest.mark.parametrize(
    ("told", "begun"),
    [
        ({"skips": "it skips", "loses": "x", "else": "y"}, ["skips"]),
        ({"skips": "x", "loses": "it skips", "else": "it skips"}, ["else", "loses", "skips"]),
        ({"skips": "it skips", "loses": "skipped", "else": "y"}, ["loses", "skips"]),
        ({"skips": "it skips", "zeal": "it skips", "else": "y"}, ["skips", "zeal"]),
    ],
)
async def test_a_search_ends_where_nobody_left_could_be_as_good(
    told: dict[str, str], begun: list[str]
) -> None:
    """With a match that lacks nothing, as soon as those that are left fit the words of the log clearly less."""
    lab = FakeLab()
    known = diagnosis(PLAIN, LATE)
    await search(lab, known, [suspect(name, told=words) for name, words in told.items()])
    assert lab.begun == begun
    assert names(known.matches) == ["skips"]


async def test_what_proves_nothing_is_told() -> None:
    """How many runs could not be judged, and why."""
    lab = FakeLab()
    lab.refused["too slow"] = 2
    known = replace(diagnosis(PLAIN, LATE))
    await search(lab, known, [])
    assert known.notes == ["2 runs proved nothing: too slow"]

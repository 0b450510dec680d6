"""Suspects: who is tried, in which order, and what they say."""

from types import SimpleNamespace

from harness import library
from harness.faults import ProviderRateLimited
from harness.incidents.affinity import ordered, words_of
from harness.incidents.candidates import Suspect, of_defects, of_faults, saying
from harness.scenario import CANARY, Disconnect, Parallel, Request, Scenario, Turn, Wait
from harness.sweep import Trial

PLAIN = Scenario(steps=(Turn(),), name="plain")


def suspect(name: str, told: str, *, turns: int = 1) -> Suspect:
    """A suspect of whom so much is told."""
    scenario = Scenario(steps=(Turn(),) * turns, name=name)
    return Suspect(name=name, scenario=scenario, stage="simulated", twin=scenario, told=told)


def test_a_mistake_is_suspected_in_each_scenario_that_declares_it_alone_and_in_its_cheapest_stage() -> None:
    """What the scenario declares beside it is left out, and a mistake that the target does not have is no suspect."""
    scenario = Scenario(steps=(Turn(),), name="two", defects=("one", "other", "unknown"), stages=("live",))
    mistake = SimpleNamespace(summary="", reasons=("held",))
    both = tuple(of_defects([scenario, PLAIN], {"one": mistake, "other": mistake}, ("simulated", "live")))
    assert [(each.name, each.scenario.defects, each.stage, each.reasons) for each in both] == [
        ("one", ("one",), "live", ("held",)),
        ("other", ("other",), "live", ("held",)),
    ]
    assert list(of_defects([scenario], {"one": mistake}, ("simulated",))) == []


def test_a_fault_is_tried_on_its_drill_and_compared_with_the_drill_without_it() -> None:
    """The twin has no fault in it; the scenario has, in the stage that it is played in and no other."""
    (drill,) = library.find(["two_sessions"])
    trial = Trial(label="limited", fault=ProviderRateLimited(), drill=drill)
    (found,) = of_faults([trial], "live")
    assert (found.twin, found.scenario.stages) == (drill, ("live",))
    assert [fault.name for fault in found.scenario.faults] == ["provider.rate_limited"]


def test_whoever_shares_rare_words_with_the_log_is_tried_first() -> None:
    """A word that all have counts nothing, endings do not matter, and a status is known by its phrase too."""
    suspects = [
        suspect("first", "the service answers"),
        suspect("second", "the service skips its context"),
        suspect("third", "the service has too many requests"),
    ]
    by_words = ordered(suspects, ["service contexts_skipped"])
    assert [each.name for each, _ in by_words] == ["second", "first", "third"]
    assert [fit > 0 for _, fit in by_words] == [True, False, False]
    assert ordered(suspects, ["status=429"])[0][0].name == "third"


def test_of_the_variants_of_one_thing_the_others_wait_for_what_is_another() -> None:
    """The second counts half: what fits a little less, and was not tried in any form, comes before it."""
    told = "the context of a session skips"
    suspects = [
        suspect("store.late(s=1)", told),
        suspect("store.late(s=2)", told),
        suspect("other", "session skips"),
        suspect("last", "nothing"),
    ]
    found = ordered(suspects, ["context skips of a session"])
    assert [each.name for each, _ in found] == ["store.late(s=1)", "other", "store.late(s=2)", "last"]
    assert found[2][1] == found[0][1] / 2


def test_what_costs_much_is_tried_last() -> None:
    """However well its words fit."""
    suspects = [suspect("long", "flood", turns=200), suspect("short", "drip")]
    assert [each.name for each, _ in ordered(suspects, ["flood"])] == ["short", "long"]


def test_words_are_told_apart_inside_of_names() -> None:
    """By underscores, dots and capitals, without what is too short to mean anything."""
    assert words_of("asyncContext_skipped.by a 404") == {"async", "contex", "skip", "404", "not", "found"}


def test_an_exception_of_pythons_own_is_known_by_what_it_speaks_of() -> None:
    """A key that is not there speaks of a wrong shape, a timeout of time; what Python does not know says its name only."""
    assert {"schema", "shape"} <= words_of("exception KeyError in complete")
    assert "late" in words_of("TimeoutError")
    assert "connec" not in words_of("TimeoutError")
    assert words_of("MadeUpError") == {"made", "error"}


def test_a_text_that_is_given_is_said_in_each_turn_and_canaries_stay() -> None:
    """What is no turn stays as it is, and without a text so does the scenario."""
    scenario = Scenario(
        steps=(
            Turn(message="Hello"),
            Wait(for_s=1.0),
            Parallel(steps=(Turn(session="b", message=f"Keep {CANARY}."), Request(path="/x"), Disconnect())),
        )
    )
    turn, wait, together = saying(scenario, "Help me").steps
    assert turn == Turn(message="Help me")
    assert wait == Wait(for_s=1.0)
    assert together == Parallel(
        steps=(
            Turn(session="b", message=f"Help me {CANARY}"),
            Request(path="/x"),
            Disconnect(message="Help me"),
        )
    )
    assert saying(scenario, None) is scenario

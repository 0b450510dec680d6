"""Distances: what is shared, lacking and beyond, how rare each is, and what is assumed of a log that looks healthy."""

from dataclasses import replace

from harness.incidents import Candidate, Odd, Signature, distance, rank, rarity
from harness.incidents.distance import FIRST_TURN

HEALTHY = Signature(threads=100, traits={"begun": 100, "done": 100})


def signature(*traits: str, threads: int = 10) -> Signature:
    """The signature of a log whose requests all are healthy, and some have these traits, too."""
    return Signature(threads=threads, traits={"begun": threads, "done": threads, **dict.fromkeys(traits, 5)})


def candidate(*traits: str) -> Candidate:
    """A candidate whose run has these traits, and its control none."""
    return Candidate(run=signature(*traits), control=signature())


def odd_of(*traits: str) -> Odd:
    """What is odd, as odd as can be."""
    return Odd(traits=dict.fromkeys(traits, 1.0))


def test_equal_traits_are_no_distance_and_none_in_common_is_all() -> None:
    """A distance is 0 where the same is odd, and 1 where nothing odd is shared, or nothing is odd."""
    assert distance(odd_of("a", "b"), odd_of("a", "b"), {}).value == 0
    assert distance(odd_of("a"), odd_of("b"), {}).value == 1
    assert distance(odd_of(), odd_of(), {}).value == 1


def test_what_a_run_lacks_weighs_more_than_what_it_has_beyond() -> None:
    """A log is often an excerpt: what it does not show may have been there."""
    lacks = distance(odd_of("a", "b"), odd_of("a"), {})
    beyond = distance(odd_of("a"), odd_of("a", "b"), {})
    assert (lacks.shares, lacks.lacks, lacks.beyond) == (("a",), ("b",), ())
    assert (beyond.shares, beyond.lacks, beyond.beyond) == (("a",), (), ("b",))
    assert beyond.value < lacks.value


def test_a_rare_trait_weighs_more_than_one_that_all_candidates_have() -> None:
    """The fewer candidates have a trait, the more it says: rank goes by it."""
    weights = rarity([odd_of("common", "rare"), odd_of("common"), odd_of("common")])
    assert weights["rare"] > weights["common"]
    ranked = rank(
        signature("common", "rare"),
        HEALTHY,
        {"a": candidate("common", "x"), "b": candidate("common", "y"), "c": candidate("rare")},
    )
    assert ranked[0].name == "c"


def test_how_long_something_took_weighs_less_than_what_happened() -> None:
    """Another machine is faster or slower: a magnitude decides only between equals."""
    ranked = rank(
        signature("failed", "done: elapsed_ms=~1e3"),
        HEALTHY,
        {"a slow one": candidate("done: elapsed_ms=~1e3"), "failing": candidate("failed")},
    )
    assert [one.name for one in ranked] == ["failing", "a slow one"]


def test_equal_candidates_stand_in_the_order_of_their_names() -> None:
    """The same question has the same answer, in whatever order candidates were played."""
    names = ("b", "a", "c")
    for order in (names, names[::-1]):
        ranked = rank(signature("x"), HEALTHY, {name: candidate("x") for name in order})
        assert [one.name for one in ranked] == ["a", "b", "c"]


def test_of_equal_candidates_the_one_that_wrote_in_the_same_order_is_nearer() -> None:
    """What follows what decides where nothing else does, and is told; where the log has no order, it is not missed."""

    def ordered(*orders: str) -> Signature:
        return replace(signature("x"), orders=dict.fromkeys(orders, 5))

    candidates = {
        "another": Candidate(run=ordered("done, then begun"), control=signature()),
        "same": Candidate(run=ordered("begun, then done", "x, then done"), control=signature()),
    }
    same, another = rank(ordered("begun, then done"), HEALTHY, candidates)
    assert (same.name, same.distance.reordered) == ("same", ())
    assert another.distance.reordered == ("begun, then done",)
    assert str(another.distance).endswith("in another order [begun, then done]")
    assert [one.distance.reordered for one in rank(signature("x"), HEALTHY, candidates)] == [(), ()]
    usual = replace(HEALTHY, orders={"begun, then done": 100})
    assert [one.distance.reordered for one in rank(ordered("begun, then done"), usual, candidates)] == [
        (),
        (),
    ]


def test_a_log_in_which_nothing_is_odd_is_held_against_what_a_run_has_beyond_its_control() -> None:
    """A first turn looks like a lost history: that it was not the first is assumed, and said."""
    again = Candidate(
        run=Signature(threads=10, traits={"begun": 10, "done": 10}),
        control=Signature(threads=10, traits={"begun": 2, "done": 10}),
    )
    ranked = rank(Signature(threads=1, traits={"begun": 1}), HEALTHY, {"a": candidate("x"), "lost": again})
    assert ranked[0].name == "lost"
    assert ranked[0].distance.shares == ("begun",)
    assert FIRST_TURN in ranked[0].distance.assumptions
    assert ranked[1].distance.value == 1


def test_a_run_without_a_server_in_front_does_not_lack_access_lines() -> None:
    """Where no access lines are written, none can be missing; where they are, they can."""
    incident = signature("failed", "access line", "access line: status_code=500")
    plain, served = rank(
        incident, HEALTHY, {"plain": candidate("failed"), "served": candidate("failed", "access line")}
    )
    assert (plain.name, plain.distance.value) == ("plain", 0)
    assert served.distance.lacks == ("access line: status_code=500",)


def test_a_distance_explains_itself_in_one_line() -> None:
    """What is shared, what is lacking and what is beyond stand in its text, the weightiest first."""
    told = str(distance(odd_of("a", "b"), odd_of("a", "c", "d", "e", "f"), {"b": 2.0}))
    assert told.startswith("0.")
    assert "shares [a]; lacks [b]; beyond it [c], [d], [e] and 1 more" in told
    assert "\n" not in told
    assert str(distance(odd_of(), odd_of(), {})) == "1.00: nothing to compare"

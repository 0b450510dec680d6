"""Each cell of the matrix keeps what it said: what is declared is owed, and what cannot be judged is no miss."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.matrix import How, distinct, matrix
from harness.registry import Invariant
from harness.verdict import Finding, Verdict

SIMULATED = How(stages=("simulated",), declared=True)


def seen(*, doubtful: bool = False) -> Invariant:
    """An oracle that fires wherever a defect is on."""

    def check(history):
        if history.header.defects:
            yield Finding(message="a defect is on", evidence="the header", doubtful=doubtful)

    return Invariant(name="made.seen", check=check, witnesses=frozenset(), summary="")


async def test_a_cell_that_cannot_be_played_is_invalid_and_the_others_are_played(small, two):
    """A defect with which the target does not start is invalid with scenario, defect and reason; the next is caught."""
    result = await matrix([two(defects=("dies", "deaf"))], small(), SIMULATED)
    deaf, dies = result.defects
    assert (deaf.caught, dies.verdict, dies.missed_by) == (True, Verdict.INVALID, ())
    (reason,) = dies.cells[0].result.reasons
    assert reason.startswith("two, dies, simulated: ")
    assert "the configuration is missing" in reason
    assert result.verdict is Verdict.INVALID


async def test_each_scenario_that_declares_a_defect_owes_it(small, two):
    """Of two scenarios that declare a defect one catches it; the other is a miss all the same, and fails the whole."""
    catches = two("catches", defects=("shy",), invariants=(seen(),))
    misses = two("misses", defects=("shy",))
    result = await matrix([catches, misses], small(), SIMULATED)
    (shy,) = result.defects
    assert (shy.by, shy.missed_by, shy.verdict) == (("catches",), ("misses",), Verdict.FAILED)
    assert result.verdict is Verdict.FAILED


async def test_a_cell_that_is_undecided_is_no_miss(small, two):
    """Where the machine is to blame for all that was found, the cell is undecided, and so is the matrix."""
    doubting = two(defects=("shy",), invariants=(seen(doubtful=True),))
    result = await matrix([doubting], small(), SIMULATED)
    (shy,) = result.defects
    assert (shy.verdict, shy.missed_by, shy.cells[0].result.verdict) == (
        Verdict.UNDECIDED,
        (),
        Verdict.UNDECIDED,
    )
    assert result.verdict is Verdict.UNDECIDED


async def test_a_defect_of_another_stage_is_not_counted(small, two):
    """What only a live scenario declares is named as such, and is no miss of a simulated matrix."""
    live = two("live", defects=("harmless",), stages=("live",))
    here = two(defects=("shy",), invariants=(seen(),))
    result = await matrix([live, here], small(), SIMULATED)
    assert [defect.name for defect in result.defects] == ["shy"]
    assert (result.unplayed, dict(result.elsewhere)) == (("harmless",), {"live": "is played live"})
    assert result.verdict in (Verdict.PASSED, Verdict.UNDECIDED)  # undecided where this machine was slow


@pytest.mark.parametrize(
    ("defects", "stages", "said"),
    [
        ((), ("simulated",), "none of the scenarios declares a defect of small, such as deaf"),
        (
            ("deaf",),
            ("live",),
            "deaf: the scenarios that declare this are not played here: elsewhere is played live",
        ),
        (
            ("daef",),
            ("simulated",),
            "two.py: defects: small has no defect daef; it has: deaf, dies, harmless, shy",
        ),
        (
            ("shy",),
            ("simulated",),
            "the defect shy names the reason made.seen, and no invariant is called so",
        ),
    ],
)
async def test_what_could_prove_nothing_is_refused(small, two, defects, stages, said):
    """Nothing declared, nothing left in this stage, a defect or a reason that there is not: told before any play."""
    mine = two("elsewhere", origin="/somewhere/two.py", defects=defects, stages=stages)
    with pytest.raises(UsageError, match=said):
        await matrix([mine, two("bare")], small(), replace(SIMULATED, say=pytest.fail))


async def test_a_foreign_catalogue_may_lack_what_the_library_declares(small, two):
    """A scenario of the library declares a defect that this target does not have: it is said, and the others count."""
    ours = two(defects=("history_lost", "shy"), invariants=(seen(),))
    result = await matrix([ours], small(), SIMULATED)
    assert (result.unknown, [defect.name for defect in result.defects]) == (("history_lost",), ["shy"])


async def test_with_all_scenarios_what_nobody_declares_may_go_uncaught(small, two):
    """With names and `full`, a defect that none of the named declares is played, and owed by nobody."""
    here = two(defects=("shy",), invariants=(seen(),))
    result = await matrix([here], small("all"), replace(SIMULATED, full=True))
    owed = {defect.name: defect.owed for defect in result.defects}
    assert owed == {"deaf": False, "dies": False, "harmless": False, "shy": True}
    assert result.verdict in (Verdict.PASSED, Verdict.UNDECIDED)  # undecided where this machine was slow


def test_a_scenario_is_played_once_and_two_of_one_name_are_two(two):
    """What is named twice is one; two files of the same name keep names by which they are told apart."""
    one, other = two(origin="/a/two.py"), two(origin="/b/two.py")
    assert [each.name for each in distinct([one, one, other])] == ["a.two", "b.two"]
    assert distinct([two(), two()]) == (two(),)


@pytest.mark.parametrize("name", ["defects", "stages", "steps", "faults", "invariants"])
@pytest.mark.parametrize("wrong", ["simulated", ["simulated"]])
def test_what_is_no_tuple_is_refused(two, name, wrong):
    """A text without its comma would be taken for so many letters: the message shows the comma."""
    with pytest.raises(UsageError, match=rf"^{name}.*must be a tuple: say {name}=\(.*, ?\), with the comma"):
        replace(two(), **{name: wrong})

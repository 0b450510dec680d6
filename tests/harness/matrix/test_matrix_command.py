"""The command: what is refused in one line before anything is played, and what its names stand for."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import library
from harness.errors import UsageError
from harness.matrix import How
from harness.matrix.both import Both, Pair, both
from harness.matrix.catalogue import check_reasons
from harness.verdict import Verdict
from reference_app.defects import DEFECTS

SERVICES = Path(__file__).parents[2] / "services"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("async_context_skip",), "async_context_skip is a defect; name a scenario that declares it: "),
        (("no_such_thing",), "no scenario is called no_such_thing"),
        (("--target", str(SERVICES / "teller" / "profile.toml")), "teller has no defects to play"),
        (
            ("--stage", "simulated", "--target", str(SERVICES / "teller" / "profile.toml")),
            "teller has no defects to play",
        ),
        (("two_sessions: no.such_fault", "--controls", "1"), "two_sessions: no.such_fault: no such fault"),
        (("--pairs", "history_lost"), "no pair to play simulated or live"),
        (("deadline_in_another_unit", "--stage", "simulated"), "nothing to play simulated on "),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(shakeout, arguments, said):
    """A defect for a scenario, a target without a catalogue, a pair of one: exit code 2 and the remedy."""
    code, _, err = shakeout("matrix", *arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


async def test_only_pairs_that_are_declared_here_are_played(small, two):
    """Of six pairs one has both of its defects declared by scenarios that can be played; the others are counted."""
    here = two(defects=("deaf", "harmless"))
    live = two("live", defects=("dies",), stages=("live",))
    done = await both([here, live], small(), How(stages=("simulated",)))
    assert [one.pair for one in done.pairs] == [("deaf", "harmless")]
    assert done.left_out == 5


async def test_a_pair_of_one_is_refused(small, two):
    """Where only one defect of each pair is declared nothing is played, and it is told what is missing."""
    with pytest.raises(UsageError, match="no pair to play simulated: for each of the 6 one defect at least"):
        await both([two(defects=("deaf",))], small(), How(stages=("simulated",), say=pytest.fail))


@pytest.mark.parametrize(
    ("unclear", "missed", "verdict"),
    [(0, 0, "passed"), (1, 0, "passed"), (2, 0, "undecided"), (0, 2, "failed"), (10, 0, "invalid")],
)
def test_pairs_of_which_nothing_can_be_said_are_no_misses(unclear, missed, verdict):
    """A pair that could not be judged is neither seen nor hidden; too many of them, and the whole is no pass."""
    seen = Pair(pair=("a", "b"), caught=("a", "b"))
    hidden = Pair(pair=("a", "b"), caught=("a",))
    silent = Pair(pair=("a", "b"), caught=("a",), unclear=("b",))
    all_ten = (*[silent] * unclear, *[hidden] * missed, *[seen] * (10 - unclear - missed))
    assert Both(pairs=all_ten).verdict is Verdict(verdict)


def test_of_some_scenarios_one_reason_must_be_known_and_of_all_every_one(two):
    """With the library every reason of the reference app is known; a scenario alone may lack some, but not all of one."""
    check_reasons(DEFECTS, DEFECTS, library.find([]), every=True)
    named = library.find(["milliseconds_for_seconds"])
    check_reasons(["timeout_in_milliseconds"], DEFECTS, named, every=False)
    with pytest.raises(
        UsageError, match=r"timeout_in_milliseconds names the reason clock\.unit\.deadline_read"
    ):
        check_reasons(["timeout_in_milliseconds"], DEFECTS, named, every=True)
    strange = {"odd": replace(DEFECTS["history_lost"], reasons=("no.such",))}
    with pytest.raises(UsageError, match=r"odd names the reason no\.such"):
        check_reasons(["odd"], strange, [two()], every=False)

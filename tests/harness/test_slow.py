"""What a busy machine may have done is played again: undecided, or failed by what it was too busy to say elsewhere."""

import pytest

from harness.verdict import TOO_BUSY, ScenarioVerdict, Verdict, Violation

LATE, LOST = "outcome.answered_within_deadline", "sessions.history_preserved"


def result(verdict: Verdict, violated: tuple[str, ...], *reasons: str) -> ScenarioVerdict:
    """A verdict with these violations and reasons."""
    violations = tuple(Violation(invariant=name, message="it", evidence="there") for name in violated)
    return ScenarioVerdict(name="one", verdict=verdict, violations=violations, reasons=reasons)


@pytest.mark.parametrize(
    ("verdict", "violated", "doubted", "slow"),
    [
        (Verdict.UNDECIDED, (), (LATE,), True),
        (Verdict.FAILED, (LATE,), (LATE,), True),
        (Verdict.FAILED, (LATE,), (), False),
        (Verdict.FAILED, (LATE, LOST), (LATE,), False),
        (Verdict.FAILED, (LOST,), (LATE,), False),
        (Verdict.PASSED, (), (), False),
        (Verdict.INVALID, (), (LATE,), False),
    ],
)
def test_a_failure_that_is_doubted_elsewhere_in_the_run_may_be_the_machines(
    verdict: Verdict, violated: tuple[str, ...], doubted: tuple[str, ...], slow: bool
) -> None:
    """Seventeen late answers of which thirteen are excused are no proof yet; anything else that is broken is one."""
    reasons = (f"{TOO_BUSY}{name}: answered after 2 s" for name in doubted)
    assert result(verdict, violated, *reasons).may_be_slow is slow

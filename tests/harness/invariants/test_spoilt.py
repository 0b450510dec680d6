"""Where nothing that the provider said was an answer, none may be given out as its."""

from harness.history import FaultFired
from harness.invariants.spoilt import not_by_primary

FIRED = FaultFired(at_s=1.05, fault="provider.server_error")


def found(made, *records):
    """What the oracle says of step 1."""
    return [finding.message for finding in not_by_primary(1)(made.history(*records))]


def test_an_answer_by_the_primary_is_found_where_it_cannot_be(made):
    """A turn of the step, during which the fault fired, that names the primary level is found; one of a lower level is not."""
    assert found(made, made.turn(step=1), FIRED) == ["says first in step 1, where it cannot have answered"]
    lower = made.turn(step=1, body={"method": "second"})
    assert found(made, lower, FIRED) == []


def test_other_steps_other_roles_and_the_control_are_not_judged(made):
    """Only the turns of the step count, and only where the fault fired while they lasted."""
    assert found(made, made.turn(step=0), FIRED) == []
    assert found(made, made.turn(step=1, role="golden"), FIRED) == []
    assert found(made, made.turn(step=1)) == []
    assert found(made, made.turn(2, step=1), FIRED) == []

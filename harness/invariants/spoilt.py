"""What a scenario may ask of its own steps, where it knows that nothing the provider said in them was an answer."""

from collections.abc import Iterable

from harness.history import WIRE, FaultFired, History
from harness.reading import field
from harness.registry import Invariant, oracle
from harness.verdict import Finding


def not_by_primary(*steps: int) -> Invariant:
    """The oracle that no turn of these steps is answered by the primary level; only the client has to testify.

    Of a run without the faults, as the control is, nothing is asked.
    """

    @oracle("degradation.not_by_primary", witnesses={WIRE}, promises=("primary_method",))
    def check(history: History) -> Iterable[Finding]:
        """Where every answer of the primary level is spoilt, no turn is answered as by it."""
        primary = history.header.contract.primary_method
        fired_s = [fired.at_s for fired in history.of(FaultFired)]
        for turn in history.turns:
            met = any(turn.at_s <= at_s <= turn.ended_s for at_s in fired_s)
            if met and turn.role == "turn" and turn.step in steps and field(turn, "method") == primary:
                message = f"says {primary} in step {turn.step}, where it cannot have answered"
                yield Finding(message=message, evidence=str(turn))

    return check

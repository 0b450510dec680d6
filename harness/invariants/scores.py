"""The scores in answers: numbers, and from 0 to 1."""

from collections.abc import Iterable

from harness.history import WIRE, History
from harness.reading import answered_ok, field, fields
from harness.registry import invariant
from harness.verdict import Finding


@invariant("outcome.confidence_in_range", witnesses={WIRE}, promises=("confidence_field",))
def confidence_in_range(history: History) -> Iterable[Finding]:
    """The confidence of every turn that was answered 200 is a number from 0 to 1.

    A stream is judged by the fields of its `done`; where there are none, nothing is asked. See pydantic#3994.
    """
    name = history.header.contract.confidence_field or ""
    for turn in history.turns:
        if answered_ok(turn) and fields(turn) is not None:
            value = field(turn, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                yield Finding(message=f"{name} is {value!r}, no number from 0 to 1", evidence=str(turn))

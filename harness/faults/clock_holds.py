"""What must hold while the wall clock is wrong beside the universal invariants: what took how long is counted by another."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.history import LOGS, History
from harness.registry import oracle
from harness.verdict import Finding

_DURATION = re.compile(
    r"(?:^|_)(?:duration|elapsed|latency|took|waited)(?:_(?P<unit>us|ms|s|sec|secs|seconds))?$",
    re.IGNORECASE,
)
_UNIT_S: Mapping[str, float] = {"us": 1e-6, "ms": 1e-3}

UNKNOWN_UNIT_S = 1e-6
"""A duration that names no unit is taken for the smallest: only what no unit can explain is wrong."""

SLACK_S = 1.0


@oracle("clock.durations_kept", witnesses={LOGS})
def durations_kept(history: History) -> Iterable[Finding]:
    """No duration in the log is negative, or longer than the whole run: both come of two readings of the wall clock.

    What a field's name says is a duration is one (`duration_ms`, `elapsed`, `took_s`), limits and deadlines are none.
    """
    longest_s = history.header.elapsed_s + SLACK_S
    for record in history.logs:
        for name, value in record.fields.items():
            took_s = _seconds(name, value)
            if took_s is not None and not 0 <= took_s <= longest_s:
                message = f"{name}={value}: the run took {history.header.elapsed_s:.1f} s in all"
                yield Finding(message=message, evidence=str(record))


def _seconds(name: str, value: Any) -> float | None:
    """The seconds that a field says something took; None where it says nothing of the kind."""
    said = _DURATION.search(name)
    if said is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    unit = (said["unit"] or "").lower()
    return value * (_UNIT_S.get(unit, 1.0) if unit else UNKNOWN_UNIT_S)

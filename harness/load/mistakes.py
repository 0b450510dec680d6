"""What a load shows of the profile by which it was held: such a run says nothing of the service."""

import errno
import os
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from harness.gates.criteria import by_log
from harness.gates.criterion import Criterion, Scope
from harness.load.frames import Run
from harness.targets.logged import unreadable
from harness.targets.mistakes import KEYS
from harness.targets.profile import Profile


def mistakes(run: Run, profile: Profile, criteria: Sequence[Criterion]) -> Iterator[str]:
    """What is wrong with the profile, and where to mend that; what the gates (`criteria`) ask for is no mistake."""
    statuses = run.cells.within(Scope()).statuses
    wanted = [one.argument.rstrip("x") for one in criteria if one.metric == "status" and not _forbids(one)]
    # Of two that are as common the lower is told, whichever came first.
    status, count = min(statuses.items(), key=lambda each: (-each[1], each[0]), default=(0, 0))
    most = [str(each) for each in statuses if statuses[each] == count]
    asked = any(each.startswith(one) for each in most for one in wanted)
    if statuses and set(statuses) <= set(KEYS) and not asked:
        key = KEYS[HTTPStatus(status)]
        turn = f"{profile.turn.method} {profile.turn.path} -> {status}"
        yield f"{profile.at(f'turn.{key}')}: {turn}, {count:,} of {run.requests:,} requests, and none with a 200; mend [turn] {key}"


def _forbids(criterion: Criterion) -> bool:
    """Whether a gate on a status is kept only where there is none of it: then nobody expected it."""
    return (criterion.limit < 1 and criterion.op not in (">", ">=")) or (criterion.op, criterion.limit) == (
        "<",
        1,
    )


def unwritten(run: Run, profile: Profile, criteria: Sequence[Criterion], *, is_there: bool) -> Iterator[str]:
    """Why gates on the log have nothing to go by: no line came of the file that the profile names, nor `is_there` one."""
    lines = sum(cell.lines for cell in (run.log or {}).values())
    if profile.log and not is_there and not lines and any(map(by_log, criteria)):
        yield str(unreadable(profile, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))))

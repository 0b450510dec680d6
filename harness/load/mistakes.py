"""What a load shows of the profile by which it was held: such a run says nothing of the service."""

import errno
import os
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from harness.gates.criterion import Scope
from harness.load.frames import Run
from harness.targets.logged import unreadable
from harness.targets.mistakes import KEYS
from harness.targets.profile import Profile


def mistakes(run: Run, profile: Profile, logs: Mapping[str, Path]) -> Iterator[str]:
    """What is wrong with the profile, and where to mend that; `logs` are those that were to be read."""
    statuses = run.cells.within(Scope()).statuses
    if set(statuses) and set(statuses) <= set(KEYS):
        status, count = statuses.most_common(1)[0]
        key = KEYS[HTTPStatus(status)]
        turn = f"{profile.turn.method} {profile.turn.path} -> {status}"
        yield f"{profile.at(f'turn.{key}')}: {turn}, {count:,} of {run.requests:,} requests, none with another end; mend [turn] {key}"
    if profile.log and "app" in logs and not logs["app"].exists():
        yield str(unreadable(profile, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))))

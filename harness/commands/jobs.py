"""How many things a command plays at a time, where they cannot meet in one service or in one log."""

import os
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.runner import Options
from harness.sweep import JOBS_MAX, jobs_max

JOBS = 2
"""More at a time than this, and the harness itself is what is late."""

Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, max=JOBS_MAX, help="So many are played at a time.", show_default=f"the cores, at most {JOBS}"
    ),
]


def at_a_time(jobs: int | None, chosen: Options) -> int:
    """How many are played at a time: what was asked for, else as many as this machine and the target carry.

    Raises:
        UsageError: more are asked for than can be told apart.
    """
    most = jobs_max(chosen.profile)
    if jobs is not None and jobs > most:
        raise UsageError(
            f"--jobs {jobs}: the runs would meet in one service or one log, and none could be judged: "
            f"give --jobs {most}, or {{directory}} in log = of the profile"
        )
    return jobs or min(most, JOBS, os.cpu_count() or 1)

"""Where a scenario goes that a command has found."""

import itertools
import re
from pathlib import Path

from harness.errors import UsageError
from harness.reports import json_file


def check_scenario_place(place: Path | None) -> None:
    """Refuse, before anything is played, a place where a found scenario could not be written.

    Raises:
        UsageError: it is taken, is no name of a scenario file, or its folder cannot be written.
    """
    if place is not None and place.suffix != ".py":
        raise UsageError(f"{place}: a scenario file ends in .py; name it so")
    if place is not None and place.exists():
        raise UsageError(f"{place}: is there already; choose another name")
    json_file.check_folder(Path() if place is None else place.parent)


def free_name(called: str) -> Path:
    """A file in this folder that is not there yet, by a name that an import would take."""
    stem = re.sub(r"\W+", "_", called).strip("_")
    names = itertools.chain([f"{stem}.py"], (f"{stem}_{number}.py" for number in itertools.count(2)))
    return next(Path(name) for name in names if not Path(name).exists())

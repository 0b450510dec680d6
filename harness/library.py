"""The scenarios that come with the distribution, and those of the user, by name or by path."""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.scenario import Scenario, discover, load

PACKAGE = "scenarios"
"""Where the scenarios that come with it are, by import string: the harness imports nothing of them."""


def root() -> Path:
    """The folder of the scenarios that come with the distribution."""
    return Path(str(importlib.resources.files(PACKAGE)))


def find(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios named: a name, a folder of the library (`incidents`), or a path; all of the library for none.

    Raises:
        UsageError: there is no such scenario, or its file cannot be read.
    """
    if not names:
        return tuple(load(path) for path in discover(root()))
    return tuple(load(path) for name in names for path in _paths(name))


def _paths(name: str) -> tuple[Path, ...]:
    """The files that one name stands for."""
    for place in (Path(name), root() / name):
        if place.is_dir() and (found := discover(place)):
            return found
    if name.endswith(".py"):
        return (Path(name),)
    known = discover(root())
    found = tuple(path for path in known if path.stem == name)
    if not found:
        stems = ", ".join(path.stem for path in known)
        raise UsageError(
            f"no scenario is called {name}; there are: {stems}; or give the path of a scenario file"
        )
    return found

"""The scenarios that come with the distribution, and those of the user, by name or by path."""

import importlib.resources
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import UsageError
from harness.recognition import holds_a_scenario
from harness.scenario import Scenario, load

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
        return tuple(_loaded(path) for path in discover(root()))
    return tuple(_loaded(path) for name in names for path in _paths(name))


def _loaded(path: Path) -> Scenario:
    """The scenario of a file; one of the library goes by its name alone, wherever it is installed."""
    scenario = load(path)
    return replace(scenario, origin="") if path.is_relative_to(root()) else scenario


def discover(folder: Path) -> tuple[Path, ...]:
    """All scenario files below `folder`, sorted by path; nothing else there is executed, and what is hidden not read.

    Raises:
        UsageError: a file cannot be read.
    """
    return tuple(sorted(path for path in _python_files(folder) if holds_a_scenario(_source(path))))


def _python_files(folder: Path) -> Iterator[Path]:
    """The Python files below a folder, but for hidden ones and those in hidden folders."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in files if name.endswith(".py") and not name.startswith("."))


def _source(path: Path) -> bytes:
    """What stands in a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; mend or remove the file") from error


def _paths(name: str) -> tuple[Path, ...]:
    """The files that one name stands for."""
    if not name:
        raise UsageError("a scenario has an empty name; give a name, a folder or a path, or none for all")
    folders = [place for place in (Path(name), root() / name) if place.is_dir()]
    for folder in folders:
        if found := discover(folder):
            return found
    if name.endswith(".py") and not folders:
        return (Path(name),)
    known = discover(root())
    if found := tuple(path for path in known if path.stem == name):
        return found
    if folders:
        raise UsageError(f"there is no scenario below {name}; a scenario file assigns a Scenario to SCENARIO")
    stems = ", ".join(path.stem for path in known)
    raise UsageError(f"no scenario is called {name}; there are: {stems}; or give the path of a scenario file")

"""What a scenario file calls by name can be imported by just that name, or is refused before anything is written."""

import sys
import types
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.errors import UsageError
from harness.registry import Invariant
from harness.rig import Window
from harness.scenario import Scenario, Turn, load
from harness.search.write import source, write


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a file is written."""
    return tmp_path / "found.py"


def same(scenario: Scenario) -> Scenario:
    """The scenario without what a file gives it."""
    return replace(scenario, name="", summary="", origin="")


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A fault of somebody's own, in a module that may have any name."""

    name: ClassVar[str] = "test.turned"
    window: Window = field(default_factory=Window)
    values: tuple[float, ...] = ()

    def inject(self, rig: Any) -> Any:
        raise NotImplementedError


def module(monkeypatch: pytest.MonkeyPatch, name: str, **things: Any) -> None:
    """A module that can be imported."""
    made = types.ModuleType(name)
    vars(made).update(things)
    monkeypatch.setitem(sys.modules, name, made)


def test_things_of_the_same_name_are_told_apart(place, monkeypatch):
    """A fault that is called as a step is, or as another fault, gets a name of its own in the file."""
    kinds: list[Any] = []
    for home in ("made_up_one", "made_up_two"):
        kind = make_dataclass("Turn", [], bases=(Turned,), frozen=True, kw_only=True)
        kind.__module__ = home
        module(monkeypatch, home, Turn=kind)
        kinds.append(kind)
    faults = (kinds[0](values=(1.0,)), kinds[1](window=Window(p=0.5)), kinds[0]())
    scenario = Scenario(steps=(Turn(),), faults=faults)
    write(scenario, place, [])
    assert same(load(place)) == scenario
    text = place.read_text()
    assert "from made_up_one import Turn as Turn2\nfrom made_up_two import Turn as Turn3\n" in text


def test_what_is_exported_by_a_package_is_imported_from_there(monkeypatch):
    """The shortest name under which a class is known is the one that stays when its files are moved about."""
    kind: Any = make_dataclass("Own", [], bases=(Turned,), frozen=True, kw_only=True)
    kind.__module__ = "made_up.faults.inner"
    module(monkeypatch, "made_up")
    module(monkeypatch, "made_up.faults", Own=kind)
    module(monkeypatch, "made_up.faults.inner", Own=kind)
    assert "from made_up.faults import Own\n" in source(Scenario(steps=(Turn(),), faults=(kind(),)), told=[])


@pytest.mark.parametrize("name", ["Own\nimport os", "class", "\N{LATIN SMALL LIGATURE FI}", "a.b", ""])
def test_a_name_that_is_none_is_refused(monkeypatch, name):
    """What an import statement could not take, or would take for another name, is never put into one."""
    kind: Any = make_dataclass("Own", [], bases=(Turned,), frozen=True, kw_only=True)
    kind.__name__, kind.__module__ = name, "made_up"
    module(monkeypatch, "made_up", **{name: kind})
    with pytest.raises(UsageError, match="cannot be imported by name"):
        source(Scenario(steps=(Turn(),), faults=(kind(),)), told=[])


def test_a_class_that_no_module_has_is_refused():
    """A class made in a function has no name that a file could import."""
    kind: Any = make_dataclass("Own", [], bases=(Turned,), frozen=True, kw_only=True)
    with pytest.raises(
        UsageError, match=r"Own of .* cannot be imported by name, so no file can name it; define it"
    ):
        source(Scenario(steps=(Turn(),), faults=(kind(),)), told=[])


def test_an_invariant_is_imported_by_the_name_that_its_module_has_for_it(place, monkeypatch):
    """That is its function's name, or the name that it was assigned to."""

    def check(history: Any) -> Any:
        return ()

    check.__module__ = "made_up"
    own = Invariant(name="test.own", check=check, witnesses=frozenset(), summary="Own.")
    module(monkeypatch, "made_up", other=1, OWN=own)
    scenario = Scenario(steps=(Turn(),), invariants=(own,))
    write(scenario, place, [])
    assert same(load(place)) == scenario
    assert "from made_up import OWN\n" in place.read_text()


@pytest.mark.parametrize("home", ["made_up", "not_there", "__main__"])
def test_an_invariant_without_a_name_is_refused(monkeypatch, home):
    """What cannot be imported cannot be in a file; the message says which it is and what would help."""

    def check(history: Any) -> Any:
        return ()

    check.__module__ = home
    own = Invariant(name="test.own", check=check, witnesses=frozenset(), summary="Own.")
    module(monkeypatch, "made_up", check=check)
    if home == "__main__":
        module(monkeypatch, "__main__", check=own)
    with pytest.raises(UsageError, match=r"the invariant test.own cannot be imported by name, .* define it"):
        source(Scenario(steps=(Turn(),), invariants=(own,)), told=[])


def test_what_is_no_literal_is_refused():
    """A value that could only be pickled is named, and what could be used instead."""
    odd: Any = frozenset({1.0})
    with pytest.raises(
        UsageError, match=r"frozenset\(\{1.0\}\) cannot be written in a scenario file; use texts"
    ):
        source(Scenario(steps=(Turn(),), faults=(Turned(values=odd),)), told=[])


def test_what_cannot_be_written_leaves_the_file_that_is_there(place):
    """A scenario is rendered before anything is opened."""
    write(Scenario(steps=(Turn(),)), place, ["Here."])
    before = place.read_bytes()
    odd: Any = frozenset()
    with pytest.raises(UsageError, match="cannot be written"):
        write(Scenario(steps=(Turn(),), faults=(Turned(values=odd),)), place, [])
    assert place.read_bytes() == before


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_put_there_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Neither an empty file, which would be taken from then on, nor the part that was to become it."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("os.link", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        write(Scenario(steps=(Turn(),)), tmp_path / "found.py", [])
    assert list(tmp_path.iterdir()) == []

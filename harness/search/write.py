"""Writes a scenario as a file that reads back as the same scenario: a docstring, imports, one assignment.

Nothing of a scenario becomes code but literals, and names that are found under just these names where they are
imported from; nothing that is told in the docstring becomes code at all.
"""

import ast
import contextlib
import keyword
import os
import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.redaction import Redactor, configured
from harness.registry import Invariant
from harness.scenario import Scenario
from harness.search.layout import Group, Node, atom, laid_out

WIDTH = 110
TOLD_WIDTH = 100
PREFERRED = "harness.scenario"
"""Steps are imported from where people look for them, not from where they are defined."""

FROM_THE_FILE = ("name", "summary", "origin")
"""What `harness.scenario.load` sets from the file itself."""


def write(scenario: Scenario, path: Path, told: Sequence[str]) -> None:
    """Write a scenario file, whole or not at all; its folder is made where it is not there, and what is there stays.

    Raises:
        UsageError: the place cannot be written, or is taken, or the scenario cannot be (see `source`); the message says which.
    """
    data = source(scenario, told=told).encode()
    if path.suffix != ".py":
        raise UsageError(f"{path}: a scenario file ends in .py; name it so")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.link(partial, path)  # in one step, and only where nothing is
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: {reason}; choose a place that can be written") from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)


def source(scenario: Scenario, *, told: Sequence[str]) -> str:
    """The text of a scenario file: `told`, line by line, as its docstring, and what is not at its default.

    Its name, summary and origin are the file's. A character that a terminal would act on is told as its escape, and a
    secret is told as a mark, also one of `[tool.shakeout.redact]`: what is told may be of somebody's log.

    Raises:
        UsageError: something of the scenario has no name to import it by, or is no literal, or the table of what is
            redacted cannot be used; the message says what.
    """
    names = _Names()
    assigned = _called(scenario, names, without=FROM_THE_FILE)
    lines = [*names.imports(), "", laid_out("SCENARIO = ", assigned, width=WIDTH)]
    text = "\n".join([_docstring(Redactor(configured()).lines(told or [scenario.summary])), "", *lines, ""])
    try:
        ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise UsageError(f"this scenario is nested too deep for a file: {error}; make it flatter") from error
    return text


class _Names:
    """The names that the file uses, each from where it can be imported; equal names get a number."""

    def __init__(self) -> None:
        self._taken = {"SCENARIO": "", "float": ""}
        self._found: dict[tuple[str, str], str] = {}

    def of(self, module: str, name: str) -> str:
        """What the file calls `name` of `module`."""
        if (module, name) not in self._found:
            free = name
            number = 2
            while free in self._taken:
                free, number = f"{name}{number}", number + 1
            self._taken[free] = module
            self._found[module, name] = free
        return self._found[module, name]

    def imports(self) -> Iterator[str]:
        """One line a module, sorted; where it is too long, one a name."""
        for module in sorted({module for module, _ in self._found}):
            parts = [
                name if name == used else f"{name} as {used}"
                for (home, name), used in sorted(self._found.items())
                if home == module
            ]
            line = f"from {module} import {', '.join(parts)}"
            if len(line) > WIDTH:
                line = "\n".join([f"from {module} import (", *(f"    {part}," for part in parts), ")"])
            yield line


def _node(value: Any, names: _Names) -> Node:
    """A value as it stands in the file.

    Raises:
        UsageError: it is no literal, no tuple, list or mapping of what can be written, and has no name.
    """
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return atom(value)
    if isinstance(value, Invariant):
        return names.of(*_place_of_invariant(value))
    if isinstance(value, tuple | list):
        begin, end = ("(", ")") if isinstance(value, tuple) else ("[", "]")
        return Group(begin, tuple(("", _node(item, names)) for item in value), end)
    if isinstance(value, Mapping):
        pairs = ((atom(key), _node(item, names)) for key, item in value.items())
        return Group("{", tuple((f"{key}: ", item) for key, item in pairs), "}")
    if is_dataclass(value) and not isinstance(value, type):
        return _called(value, names)
    raise UsageError(f"{value!r} cannot be written in a scenario file; use texts, numbers, lists and dicts")


def _called(thing: Any, names: _Names, *, without: Sequence[str] = ()) -> Group:
    """The call that makes a dataclass: its name, and its fields that are not at their default."""
    name = names.of(*_place_of_class(type(thing)))
    given = [
        (f"{item.name}=", _node(getattr(thing, item.name), names))
        for item in fields(thing)
        if item.init and item.name not in without and not _is_default(item, getattr(thing, item.name))
    ]
    return Group(f"{name}(", tuple(given), ")")


def _is_default(item: Field[Any], value: Any) -> bool:
    default = item.default if item.default_factory is MISSING else item.default_factory()
    return value is default or (type(value) is type(default) and bool(value == default))


def _place_of_class(kind: type[Any]) -> tuple[str, str]:
    """The module and the name that a class is imported by: the package that exports it, where one does.

    Raises:
        UsageError: it stands under its own name in no module.
    """
    parts = kind.__module__.split(".")
    homes = [PREFERRED, *(".".join(parts[:end]) for end in range(1, len(parts) + 1))]
    for home in homes:
        if _is_importable(home, kind.__name__) and getattr(sys.modules[home], kind.__name__, None) is kind:
            return home, kind.__name__
    raise UsageError(
        f"{kind.__qualname__} of {kind.__module__} cannot be imported by name, so no file can name it; "
        "define it at the top of a module"
    )


def _place_of_invariant(invariant: Invariant) -> tuple[str, str]:
    """The module and the name of an invariant: that of its check, or another under which its module has it.

    Raises:
        UsageError: its module does not have it.
    """
    home = getattr(invariant.check, "__module__", "")
    own = getattr(invariant.check, "__name__", "")
    things = vars(sys.modules[home]) if home in sys.modules else {}
    for name in (own, *things):
        if things.get(name) is invariant and _is_importable(home, name):
            return home, name
    raise UsageError(
        f"the invariant {invariant.name} cannot be imported by name, so no file can name it; "
        "define it at the top of a module that can be imported"
    )


def _is_importable(module: str, name: str) -> bool:
    """True for the name of a module that is there, and of something in it, as an import statement takes them."""
    words = [*module.split("."), name]
    # The compiler takes a name in its normal form, which may be the name of something else.
    sound = all(
        word.isidentifier() and not keyword.iskeyword(word) and unicodedata.normalize("NFKC", word) == word
        for word in words
    )
    return sound and module in sys.modules and module != "__main__"


def _docstring(told: Sequence[str]) -> str:
    """A docstring that holds the lines, in which nothing ends it and nothing is acted on."""
    lines = [line for text in told for line in _lines(text)]
    text = "\n".join(lines).strip() or "A scenario that was found by a search."
    # No quote stands before another, or at the end.
    harmless = re.sub(r'"(?="|\Z)', r"\"", text.replace("\\", r"\\"))
    end = "\n" if "\n" in harmless else ""
    return f'"""{harmless}{end}"""'


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, long ones wrapped, with what cannot be printed as its escape."""
    for line in text.splitlines() or [""]:
        visible = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line).rstrip()
        wrapped = textwrap.wrap(visible, TOLD_WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from wrapped or [""]

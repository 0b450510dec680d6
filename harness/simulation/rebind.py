"""Putting one object in the place of another, wherever the process holds it, and taking it out again.

Whatever may hold an object is had from the garbage collector, so `from time import time`, an alias under another name, a
default of a function and a variable of a closure are found alike.
"""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, ModuleType
from typing import Any

Undo = Callable[[], object]
_NOTHING = object()
_OURS = __package__


def swap(pairs: Iterable[tuple[Any, Any]]) -> None:
    """Replace each first by its second in the namespaces, classes, closures and defaults that hold it.

    Not in our own modules, which need both, and not in lists, instances and types that are written in C.
    """
    by_address = {id(old): (old, new) for old, new in pairs}
    for name, module in list(sys.modules.items()):
        if _foreign(name, module):
            _swap_values(vars(module), by_address)
    _swap_values(sys.modules, by_address)
    # One walk over all that there is: to ask who holds a dictionary or a tuple would be such a walk for each.
    for holder in gc.get_objects():
        kind = type(holder)
        if kind is FunctionType:
            _swap_defaults(holder, by_address)
        elif kind is CellType:
            _swap_variable(holder, by_address)
        elif issubclass(kind, type):
            _swap_in_class(holder, by_address)


def entry(kind: type, name: str, value: Any) -> Undo:
    """Set a method of a type that is written in C; what is returned puts the old one back.

    Such a type refuses to be changed, for it is shared by all; here that is the point. Its dictionary is reached
    through the collector, and the public `PyType_Modified` has the interpreter forget what it had looked up.
    """
    (namespace,) = gc.get_referents(kind.__dict__)
    old = namespace[name]

    def put(what: Any) -> None:
        namespace[name] = what
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

    put(value)
    return lambda: put(old)


def attribute(owner: Any, name: str, value: Any) -> Undo:
    """Set an attribute of a module or class; what is returned puts the old one back."""
    old = vars(owner).get(name, _NOTHING)
    setattr(owner, name, value)
    if old is _NOTHING:
        return lambda: delattr(owner, name)
    return lambda: setattr(owner, name, old)


def _foreign(name: str, module: Any) -> bool:
    return isinstance(module, ModuleType) and name != _OURS and not name.startswith(f"{_OURS}.")


def _swap_values(namespace: dict[Any, Any], by_address: dict[int, tuple[Any, Any]]) -> None:
    for key, value in list(namespace.items()):
        if id(value) in by_address:
            namespace[key] = by_address[id(value)][1]


def _swap_in_class(owner: type, by_address: dict[int, tuple[Any, Any]]) -> None:
    if _is_ours(vars(owner).get("__module__")):
        return
    for key, value in list(vars(owner).items()):
        if id(value) in by_address:
            _set(owner, key, by_address[id(value)][1])


def _set(owner: type, name: str, value: Any) -> None:
    try:
        setattr(owner, name, value)
    except TypeError:
        # Written in C: it does not look its own functions up.
        return


def _swap_defaults(function: FunctionType, by_address: dict[int, tuple[Any, Any]]) -> None:
    defaults, named = function.__defaults__, function.__kwdefaults__
    if not (defaults or named) or _is_ours(function.__module__):
        return
    if defaults and any(id(value) in by_address for value in defaults):
        function.__defaults__ = tuple(
            by_address[id(value)][1] if id(value) in by_address else value for value in defaults
        )
    if named:
        _swap_values(named, by_address)


def _swap_variable(cell: CellType, by_address: dict[int, tuple[Any, Any]]) -> None:
    """A variable of a closure, which may not have a value yet."""
    with contextlib.suppress(ValueError):
        found = by_address.get(id(cell.cell_contents))
        if found is not None:
            cell.cell_contents = found[1]


def _is_ours(module: object) -> bool:
    return str(module).startswith(str(_OURS))

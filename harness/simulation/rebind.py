"""Putting one object in the place of another, wherever the process holds it, and taking it out again.

Who holds an object is asked of the garbage collector, so `from time import time`, an alias under another name, a
default of a function and a variable of a closure are found alike.
"""

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
    modules = [module for name, module in list(sys.modules.items()) if _foreign(name, module)]
    namespaces = {id(vars(module)) for module in modules} | {id(sys.modules)}
    for holder in gc.get_referrers(*(old for old, _ in by_address.values())):
        if type(holder) is dict:
            if id(holder) in namespaces:
                _swap_values(holder, by_address)
            elif not _is_ours(holder):
                _swap_in_owner(holder, by_address)
        elif type(holder) is tuple:
            _swap_defaults(holder, by_address)
        elif type(holder) is CellType and id(holder.cell_contents) in by_address:
            holder.cell_contents = by_address[id(holder.cell_contents)][1]


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


def _is_ours(namespace: dict[Any, Any]) -> bool:
    return str(namespace.get("__module__", namespace.get("__name__", ""))).startswith(str(_OURS))


def _swap_values(namespace: dict[Any, Any], by_address: dict[int, tuple[Any, Any]]) -> None:
    for key, value in list(namespace.items()):
        if id(value) in by_address:
            namespace[key] = by_address[id(value)][1]


def _swap_in_owner(namespace: dict[Any, Any], by_address: dict[int, tuple[Any, Any]]) -> None:
    """A dictionary that is a class's, or a function's keyword defaults."""
    for owner in gc.get_referrers(namespace):
        if isinstance(owner, FunctionType) and owner.__kwdefaults__ is namespace and not _is_our(owner):
            _swap_values(namespace, by_address)
        elif isinstance(owner, type) and "__module__" in namespace:
            for key, value in list(namespace.items()):
                if id(value) in by_address and vars(owner).get(key) is value:
                    _set(owner, key, by_address[id(value)][1])


def _set(owner: type, name: str, value: Any) -> None:
    try:
        setattr(owner, name, value)
    except TypeError:
        # Written in C: it does not look its own functions up.
        return


def _swap_defaults(defaults: tuple[Any, ...], by_address: dict[int, tuple[Any, Any]]) -> None:
    for owner in gc.get_referrers(defaults):
        if isinstance(owner, FunctionType) and owner.__defaults__ is defaults and not _is_our(owner):
            owner.__defaults__ = tuple(
                by_address[id(value)][1] if id(value) in by_address else value for value in defaults
            )


def _is_our(function: FunctionType) -> bool:
    return str(function.__module__).startswith(str(_OURS))

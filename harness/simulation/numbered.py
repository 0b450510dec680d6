"""Tasks, futures, threads and cancel scopes that are hashed by a number of their run instead of by their address.

asyncio and anyio keep them in sets and walk through these to cancel, to wake and to wait: by address, the order of
that would be another in each process.
"""

import asyncio
import importlib
import importlib.util
import threading
import types
from functools import cache
from itertools import count
from typing import Any

from harness.simulation.lanes import Lane
from harness.simulation.scheduler import here

_OUTSIDE = count(1)
_DETACHED = Lane("detached")
_Task: Any = asyncio.Task
_Future: Any = asyncio.Future
_thread_init: Any = threading.Thread.__init__
_address: Any = object.__hash__


def _number() -> int:
    scheduler = here()
    return next(_OUTSIDE) if scheduler is None else scheduler.number()


def numbered(kind: Any) -> Any:
    """A subclass that takes its number when it is first hashed, which is as early as it matters."""

    def fill(body: dict[str, Any]) -> None:
        def take(self: Any) -> int:
            try:
                found: int = self._number
            except AttributeError:
                found = self._number = _number()
            return found

        body.update(__slots__=("_number",), __hash__=take, __module__=kind.__module__, __doc__=kind.__doc__)

    return types.new_class(kind.__name__, (kind,), exec_body=fill)


class Task(_Task):  # type: ignore[misc]  # the base is the C type, held as Any
    """A task of a run: it has a lane, and a name that counts from 1 in each run."""

    __slots__ = ("lane", "number")

    def __init__(self, coro: Any, *, name: object = None, **options: Any) -> None:
        scheduler = here()
        if scheduler is None:
            self.number = next(_OUTSIDE)
            self.lane = _DETACHED
        else:
            self.number = number = scheduler.number()
            self.lane = Lane(scheduler.current.actor.child("task"))
            if name is None:
                name = f"Task-{number}"
        super().__init__(coro, name=name, **options)

    def __hash__(self) -> int:
        return self.number


Future: Any = numbered(_Future)


def thread_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """`Thread.__init__`, which numbers the thread before anything can hash it."""
    scheduler = here()
    if scheduler is not None:
        self.__dict__["_number"] = scheduler.number()
    _thread_init(self, *args, **kwargs)


def thread_hash(self: Any) -> int:
    """The number of a thread made in a run, the address of any other."""
    found: int = self.__dict__.get("_number") or _address(self)
    return found


def twins() -> list[tuple[Any, Any]]:
    """What stands in for what: anyio's scopes too, where it is installed."""
    found = [(_Task, Task), (_Future, Future)]
    if hasattr(asyncio, "create_eager_task_factory"):
        later: Any = asyncio  # from 3.12 on
        found.append((later.eager_task_factory, later.create_eager_task_factory(Task)))
    if importlib.util.find_spec("anyio"):
        backend: Any = importlib.import_module("anyio._backends._asyncio")
        found.append((backend.CancelScope, _scope(backend)))
    return found


@cache
def _scope(backend: Any) -> Any:
    """The twin of anyio's cancel scope: one for the life of the process, since hooks may come and go."""
    return numbered(backend.CancelScope)

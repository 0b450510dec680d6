"""What would leave the simulation, and is refused by name instead: sockets, processes, real waits, another loop."""

import _posixsubprocess
import _socket
import _thread
import importlib.util
import os
import select
from collections.abc import Callable
from queue import Empty
from types import ModuleType
from typing import Any

from harness.simulation.baton import LOCK_TYPE, acquire, make_queue
from harness.simulation.scheduler import Scheduler, here

NETWORK = (
    "pass the seam (the provider's transport, by the address in the profile's provider_variable; the store; the network), "
    "or play it in the stage live"
)
PROCESS = "a simulation is one process: play it in the stage live"
OUTSIDE = "it was made before the run, or by a foreign thread: import and build the app inside the run"
UVLOOP = "its time and its order are out of reach: drop it (loop='asyncio'; the seam is the loop policy), or play it live"
GRACE_S = 0.2
"""A foreign thread that holds a real lock for a moment is waited for, for real, so long; it changes no order."""

_lock_acquire: Any = LOCK_TYPE.__dict__["acquire"]
_lock_enter: Any = LOCK_TYPE.__dict__["__enter__"]
_rlock_type: Any = type(_thread.RLock())
_rlock_acquire: Any = _rlock_type.__dict__["acquire"]
_queue_type: Any = make_queue
_queue_get: Any = _queue_type.__dict__["get"]
_SOCKET_CALLS = ("connect", "connect_ex", "bind", "sendto", "sendmsg")
_NETWORK_FUNCTIONS = (
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostbyaddr",
    "getnameinfo",
)
_PROCESS_FUNCTIONS = ("fork", "forkpty", "system", "posix_spawn", "posix_spawnp", "execv", "execve")


class Refusing:
    """A function that is refused to the threads of a run; others have the real one."""

    def __init__(self, real: Callable[..., Any], what: str, remedy: str) -> None:
        self._real = real
        self._what = what
        self._remedy = remedy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse, or call."""
        scheduler = here()
        if scheduler is not None:
            raise scheduler.escaped(self._what, self._remedy)
        return self._real(*args, **kwargs)


def refusing_method(real: Any, what: str, remedy: str) -> Callable[..., Any]:
    """The same for a method, which has to be a plain function in order to be given its object."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        scheduler = here()
        if scheduler is not None:
            raise scheduler.escaped(f"{what} {args[0] if args else ''}".rstrip(), remedy)
        return real(self, *args, **kwargs)

    return refuse


def _real_lock(real: Callable[..., bool], scheduler: Scheduler, lock: Any, timeout: float) -> bool:
    """Acquire a real lock that somebody holds: a foreign thread will soon release it, a thread of the run never."""
    if real(lock, True, GRACE_S if timeout < 0 else min(timeout, GRACE_S)):
        return True
    raise scheduler.escaped(f"a real {type(lock).__name__} is held by another thread", OUTSIDE)


def lock_acquire(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
    """`acquire` of a real lock."""
    scheduler = here()
    if scheduler is None:
        return acquire(self, blocking, timeout)
    return acquire(self, False) or (blocking and _real_lock(acquire, scheduler, self, timeout))


def lock_enter(self: Any) -> bool:
    """`with` a real lock."""
    return lock_acquire(self)


def rlock_acquire(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
    """`acquire` of a real reentrant lock."""
    scheduler = here()
    if scheduler is None:
        return bool(_rlock_acquire(self, blocking, timeout))
    if _rlock_acquire(self, False):
        return True
    return blocking and _real_lock(_rlock_acquire, scheduler, self, timeout)


def rlock_enter(self: Any) -> bool:
    """`with` a real reentrant lock."""
    return rlock_acquire(self)


def queue_get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """`get` of a real `SimpleQueue`, which waits in C."""
    scheduler = here()
    if scheduler is None:
        return _queue_get(self, block, timeout)
    try:
        return _queue_get(self, False)
    except Empty:
        if block and timeout != 0:
            raise scheduler.escaped("a real SimpleQueue is waited on", OUTSIDE) from None
        raise


class NoUvloop(ModuleType):
    """Stands where uvloop is imported from: to ask it for anything is refused in a run."""

    def __getattr__(self, name: str) -> Any:
        """Refuse, or look into the real one."""
        scheduler = here()
        if scheduler is not None and not name.startswith("__"):
            raise scheduler.escaped(f"uvloop.{name} is asked for", UVLOOP)
        return getattr(self.__dict__["_real"], name)


def type_entries() -> list[tuple[Any, str, Any]]:
    """Methods of types that are written in C: the type, the name, and what stands there in a run."""
    sockets: Any = _socket.socket
    return [
        (LOCK_TYPE, "acquire", lock_acquire),
        (LOCK_TYPE, "__enter__", lock_enter),
        (_rlock_type, "acquire", rlock_acquire),
        (_rlock_type, "__enter__", rlock_enter),
        (_queue_type, "get", queue_get),
        *(
            (sockets, name, refusing_method(sockets.__dict__[name], f"socket.{name}", NETWORK))
            for name in _SOCKET_CALLS
        ),
    ]


def twins() -> list[tuple[Any, Any]]:
    """Functions and modules, and what stands in for them."""
    found: list[tuple[Any, Any]] = [
        (real, Refusing(real, f"socket.{name}", NETWORK))
        for name in _NETWORK_FUNCTIONS
        if (real := getattr(_socket, name, None)) is not None
    ]
    found += [
        (real, Refusing(real, f"os.{name}", PROCESS))
        for name in _PROCESS_FUNCTIONS
        if (real := getattr(os, name, None)) is not None
    ]
    real = _posixsubprocess.fork_exec
    found.append((real, Refusing(real, "a process is started", PROCESS)))
    for name in ("select", "poll", "epoll"):
        real = getattr(select, name)
        found.append((real, Refusing(real, f"select.{name}", NETWORK)))
    if importlib.util.find_spec("uvloop"):
        uvloop = importlib.import_module("uvloop")
        stand_in = NoUvloop("uvloop", uvloop.__doc__)
        stand_in.__dict__.update(_real=uvloop, __path__=uvloop.__path__, __spec__=uvloop.__spec__)
        found.append((uvloop, stand_in))
    return found

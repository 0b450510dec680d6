"""What the system says of a process group: who is in it, what it holds, and which port it listens on (proc(5))."""

import contextlib
import ctypes
import itertools
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"
_PROC = Path("/proc")


def resume_with_parent() -> None:
    """Have the system let this process go on when its parent ends (prctl(2), PR_SET_PDEATHSIG).

    A harness that is killed while it holds this process stopped could never say so, and a stopped one never sees
    that it is alone.
    """
    ctypes.CDLL(None).prctl(1, signal.SIGCONT)


def members(group: int) -> tuple[int, ...]:
    """The processes of a group that are there now."""
    found = []
    for place in _PROC.iterdir():
        with contextlib.suppress(OSError, ValueError):  # no process, or one that has just ended
            if os.getpgid(int(place.name)) == group:
                found.append(int(place.name))
    return tuple(found)


def held(processes: tuple[int, ...]) -> dict[str, int]:
    """How many threads, open descriptors and bytes of main memory the processes have together."""
    threads = sum(_entries(pid, "task") for pid in processes)
    descriptors = sum(_entries(pid, "fd") for pid in processes)
    memory = sum(map(memory_bytes, processes))
    return {"threads": threads, "descriptors": descriptors, "memory_bytes": memory}


def memory_bytes(pid: int) -> int:
    """How much main memory a process holds, what it shares included; 0 where it has ended (proc(5), statm)."""
    with contextlib.suppress(OSError, IndexError):  # of one that has just ended the file is empty
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def descriptors_limit(pid: int, more: int) -> int:
    """The limit under which a process can open so many more descriptors: it is one on their numbers, gaps included."""
    taken: set[int] = set()
    with contextlib.suppress(OSError):
        taken = set(map(int, os.listdir(_PROC / str(pid) / "fd")))  # noqa: PTH208  # names are all that is wanted
    free = (number for number in itertools.count() if number not in taken)
    return next(itertools.islice(free, more, None))


def listens(processes: tuple[int, ...], port: int) -> bool:
    """Whether one of the processes is who listens on the port."""
    sockets = listening(port)
    return any(target in sockets for pid in processes for target in _links(pid))


def _entries(pid: int, folder: str) -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir(_PROC / str(pid) / folder))  # noqa: PTH208  # names are all that is wanted
    return 0


def _links(pid: int) -> Iterator[str]:
    """What the descriptors of a process point to."""
    with contextlib.suppress(OSError):
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())


def listening(port: int) -> frozenset[str]:
    """The sockets that listen on the port of this machine, as descriptors name them: who comes later has another."""
    return frozenset(_listening(port))


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{words[9]}]"

"""What happens to bridges when their process forks, or ends."""

import atexit
import os
import weakref
from typing import Protocol


class Watched(Protocol):
    """What wants to be told."""

    def at_exit(self) -> None:
        """The interpreter is ending; threads that are daemons still run."""

    def after_fork(self) -> None:
        """This is the child of a fork, and has the forking thread only."""


def watch(bridge: Watched) -> None:
    """Tell this one, for as long as it lives."""
    _WATCHED.add(bridge)


def _at_exit() -> None:
    for bridge in list(_WATCHED):
        bridge.at_exit()


def _after_fork() -> None:
    for bridge in list(_WATCHED):
        bridge.after_fork()


_WATCHED: weakref.WeakSet[Watched] = weakref.WeakSet()
# Once for all, since neither can be taken back for one bridge.
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)

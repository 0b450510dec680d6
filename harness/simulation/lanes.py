"""Lanes: who may make the next step. A lane is one actor: a thread, a task, or the callback queue of a loop."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

NAME_CHARACTERS_MAX = 120


class Lane:
    """One actor, named by the path of those that spawned it, so that its name does not depend on what others do.

    `steps` counts the steps that it made; `held` how often it was passed over before its next one.
    """

    # Defaults of the class: most lanes are short-lived tasks, and what is not written costs nothing.
    steps = 0
    held = 0
    priority: float | None = None
    _children = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def child(self, kind: str) -> str:
        """The name of the next lane that this one spawns; a long path is folded into a digest of itself."""
        self._children += 1
        name = f"{self.name}/{kind}{self._children}"
        if len(name) > NAME_CHARACTERS_MAX:
            return f"~{blake2b(name.encode(), digest_size=8).hexdigest()}"
        return name


class Lanes(Protocol):
    """The lanes of which one goes next, in their default order: the first is what would run without any choice."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[Lane]:
        """The lanes, in their default order."""


@dataclass(frozen=True, slots=True, order=True)
class Hold:
    """One deviation of a schedule: `lane` was passed over `times` times before it made its step number `step`.

    The holds of a run are its whole schedule. They name actors and their own steps, so one can be taken away without
    renumbering the rest: that is what lets a schedule shrink.
    """

    lane: str
    step: int
    times: int

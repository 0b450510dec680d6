"""Chance: one seed, and from it a stream of its own for each purpose, so that a draw for one never shifts another."""

import os
import random
from collections.abc import Callable
from typing import Any

from harness.simulation.scheduler import here

PROCESSORS = 4
"""What the processors of a run count, wherever it is played."""

_urandom = os.urandom
_getrandom = os.getrandom
_cpu_count = os.cpu_count
_seed: Callable[..., None] = random.Random.seed


class Streams:
    """The streams of one seed, by name: `schedule`, `faults`, `workload`, `entropy`, and whatever else is asked for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def __getitem__(self, name: str) -> random.Random:
        """The stream of this name; it goes on where it was left."""
        if name not in self._streams:
            # A text seeds by its SHA-512, so neighbouring seeds and names have nothing in common.
            self._streams[name] = random.Random(f"{self._seed}/{name}")
        return self._streams[name]


class Entropy:
    """Twins of what the operating system gives at random, and of what it says of the machine."""

    def urandom(self, size: int) -> bytes:
        """Bytes, as `os.urandom`: of the seed in a run."""
        scheduler = here()
        return _urandom(size) if scheduler is None else scheduler.entropy.randbytes(size)

    def getrandom(self, size: int, flags: int = 0) -> bytes:
        """Bytes, as `os.getrandom`: of the seed in a run."""
        return _getrandom(size, flags) if here() is None else self.urandom(size)

    def cpu_count(self) -> int | None:
        """The number of processors."""
        return _cpu_count() if here() is None else PROCESSORS


def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """`random.Random.seed`, which without a seed draws from the operating system, in C."""
    scheduler = here()
    if a is None and scheduler is not None:
        a = scheduler.entropy.getrandbits(256)
    _seed(self, a, version)


ENTROPY = Entropy()

"""Things that are put somewhere and taken away again, in any order and from any thread."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


class Stacked(Generic[T]):
    """What is there now, in the order in which it came; who has read that is not troubled by what comes or goes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Mapping[object, T] = MappingProxyType({})

    @property
    def now(self) -> tuple[T, ...]:
        """All that is there, the last one that came at the end."""
        return tuple(self._held.values())

    def __bool__(self) -> bool:
        return bool(self._held)

    @contextmanager
    def holding(self, thing: T) -> Iterator[None]:
        """Let it be there, until the block ends."""
        key = object()
        with self._lock:
            self._held = {**self._held, key: thing}
        try:
            yield
        finally:
            with self._lock:
                self._held = {held: other for held, other in self._held.items() if held is not key}

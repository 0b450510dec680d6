"""Makes what fails smaller while it still fails. No input or output: whoever drives it plays the candidates.

A shrinker is a generator. It yields a candidate, is sent whether that one fails too, and returns the smallest that
does. Each candidate is whole, and smaller than the last that failed, so that one is the best at every moment.
"""

from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

Shrinking = Generator[T, bool, T]
"""Yields candidates, is sent whether each one fails, and returns the smallest that does."""


def never() -> bool:
    """A budget that is never spent."""
    return False


class Progress(Generic[T]):
    """A shrinker at work on `start`, which fails.

    `candidate` is what it asks about, None when it has ended; `best` is the smallest so far that fails.
    """

    def __init__(self, shrinker: Callable[[T], Shrinking[T]], start: T) -> None:
        self._shrinking = shrinker(start)
        self.best = start
        self.candidate: T | None = None
        self._go(lambda: next(self._shrinking))

    def answer(self, *, failed: bool) -> None:
        """Say whether the candidate fails, and take the next."""
        if failed and self.candidate is not None:
            self.best = self.candidate
        self._go(lambda: self._shrinking.send(failed))

    def _go(self, step: Callable[[], T]) -> None:
        try:
            self.candidate = step()
        except StopIteration:
            self.candidate = None


def drive(
    shrinker: Callable[[T], Shrinking[T]],
    start: T,
    fails: Callable[[T], bool],
    *,
    spent: Callable[[], bool] = never,
) -> T:
    """The smallest that `shrinker` finds from `start`, which fails; when the budget is spent, the best so far."""
    progress = Progress(shrinker, start)
    while progress.candidate is not None and not spent():
        progress.answer(failed=fails(progress.candidate))
    return progress.best


async def drive_async(
    shrinker: Callable[[T], Shrinking[T]],
    start: T,
    fails: Callable[[T], Awaitable[bool]],
    *,
    spent: Callable[[], bool] = never,
) -> T:
    """As `drive`, where the answer has to be awaited."""
    progress = Progress(shrinker, start)
    while progress.candidate is not None and not spent():
        progress.answer(failed=await fails(progress.candidate))
    return progress.best


def fewer(items: Sequence[T]) -> Shrinking[tuple[T, ...]]:
    """Leaves out items: first all, then halves, and so on down to single ones, until none can be left out any more.

    Delta debugging by complements only: what is left of one part by itself is asked for only where it is a half.
    That costs about 2 k log2(n) questions where k of n items matter. No candidate is asked for twice.
    (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, TSE 2002; Hodovan and Kiss, Practical
    Improvements to the Minimizing Delta Debugging Algorithm, ICSOFT-EA 2016.)
    """
    same = _numbered(items)
    kept = list(range(len(items)))
    asked: set[tuple[int, ...]] = set()
    size = len(kept)
    while size:
        place, before = 0, len(kept)
        while place < len(kept):
            rest = kept[:place] + kept[place + size :]
            known = tuple(same[index] for index in rest)
            if known not in asked:
                asked.add(known)
                if (yield tuple(items[index] for index in rest)):
                    kept = rest
                    continue
            place += size
        size = _next_size(size, removed=len(kept) < before)
    return tuple(items[index] for index in kept)


def _next_size(size: int, *, removed: bool) -> int:
    """A power of two, so that each part is two whole parts of the size before; 1 until a round removes nothing."""
    if size == 1:
        return int(removed)
    return 1 << ((size - 1).bit_length() - 1)


def _numbered(items: Sequence[T]) -> list[int]:
    """A number for each item, the same for equal ones: candidates of equal items are the same candidate."""
    hashed: dict[Hashable, int] = {}
    others: list[tuple[T, int]] = []
    numbers = []
    for number, item in enumerate(items):
        try:
            numbers.append(hashed.setdefault(item, number))
        except TypeError:  # a step with a body is not hashable
            found = next((known for other, known in others if other == item), number)
            others.append((item, found))
            numbers.append(found)
    return numbers


def lower(value: int, least: int) -> Shrinking[int]:
    """The lowest number that fails: first `least`, then by bisection."""
    passing, candidate = least - 1, least
    while passing + 1 < value:
        if (yield candidate):
            value = candidate
        else:
            passing = candidate
        candidate = (passing + value) // 2
    return value


def mapped(questions: Shrinking[A], make: Callable[[A], R]) -> Generator[R, bool, A]:
    """Asks for what `make` makes of each candidate."""
    try:
        candidate = next(questions)
        while True:
            candidate = questions.send((yield make(candidate)))
    except StopIteration as end:
        smallest: A = end.value
        return smallest

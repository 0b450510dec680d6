"""Delta debugging over any items: what is found, what it costs, and what is known when the budget is spent."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.search.shrinking import Progress, drive, drive_async, fewer, lower, mapped


class Asked:
    """A predicate that keeps what it was asked."""

    def __init__(self, fails) -> None:
        self._fails = fails
        self.candidates: list = []

    def __call__(self, candidate) -> bool:
        assert candidate not in self.candidates
        self.candidates.append(candidate)
        return self._fails(candidate)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.data())
def test_what_is_needed_is_found_and_nothing_else(items, data):
    """Of items of which some are needed, exactly those are left, in their order, and nothing is asked for twice."""
    places = data.draw(st.sets(st.sampled_from(range(len(items))))) if items else set()
    numbered = tuple(enumerate(items))
    needed = {numbered[place] for place in places}
    asked = Asked(lambda kept: needed <= set(kept))
    assert drive(fewer, numbered, asked) == tuple(sorted(needed))
    assert numbered not in asked.candidates


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers())
def test_whatever_fails_by_chance_ends_with_nothing_to_leave_out(items, seed):
    """For any predicate at all the end fails, was asked for, and no single item can be left out of it."""

    def fails(kept) -> bool:
        return kept == tuple(items) or random.Random(f"{seed} {kept}").random() < 0.4

    asked = Asked(fails)
    found = drive(fewer, tuple(items), asked)
    assert fails(found)
    assert found == tuple(items) or found in asked.candidates
    for place in range(len(found)):
        assert not fails(found[:place] + found[place + 1 :])


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers())
def test_a_candidate_is_smaller_than_the_last_that_failed(items, seed):
    """Whoever stops has, in the last candidate that failed, the smallest so far."""
    best = len(items)

    def fails(kept) -> bool:
        nonlocal best
        assert len(kept) < best
        failed = random.Random(f"{seed} {kept}").random() < 0.4
        best = len(kept) if failed else best
        return failed

    drive(fewer, tuple(items), fails)


@pytest.mark.parametrize(("needed", "questions_max"), [(0, 1), (1, 21), (2, 42), (3, 62)])
def test_few_of_a_thousand_are_found_with_few_questions(needed, questions_max):
    """About 2 k log2(n) questions where k of n items matter: that is what makes a schedule of thousands of holds shrink."""
    for seed in range(50):
        places = set(random.Random(seed).sample(range(1000), needed))
        asked = Asked(lambda kept, places=places: places <= set(kept))
        drive(fewer, tuple(range(1000)), asked)
        assert len(asked.candidates) <= questions_max


def test_items_that_cannot_be_hashed_are_told_apart():
    """Steps with a body are no keys of a dictionary: equal ones are one candidate all the same."""
    items = ({"a": 1}, {"b": 2}, {"a": 1}, {"a": 1})
    assert drive(fewer, items, Asked(lambda kept: kept.count({"a": 1}) >= 2)) == ({"a": 1}, {"a": 1})


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_the_lowest_number_is_found_by_bisection(least, more):
    """From any value down to any threshold, the least first, without a question about the value itself."""
    value = least + more
    for threshold in range(least, value + 1):
        asked = Asked(lambda number, threshold=threshold: threshold <= number < value)
        assert drive(lambda start: lower(start, least), value, asked) == threshold
        assert len(asked.candidates) <= 1 + more.bit_length()
        assert not more or asked.candidates[0] == least


@settings(deadline=None)
@given(st.sets(st.integers(0, 99), max_size=4), st.integers(0, 60))
def test_when_the_budget_is_spent_the_best_so_far_is_given(needed, budget):
    """No question is asked any more, and what is given is the last candidate that failed, or the start."""
    asked = Asked(lambda kept: needed <= set(kept))
    start = tuple(range(100))
    found = drive(fewer, start, asked, spent=lambda: len(asked.candidates) >= budget)
    assert len(asked.candidates) <= budget
    assert found == min((start, *filter(lambda one: needed <= set(one), asked.candidates)), key=len)


@settings(deadline=None)
@given(st.sets(st.integers(0, 99), max_size=4), st.integers(0, 60))
def test_awaited_answers_lead_to_the_same_end(needed, budget):
    """The asynchronous driver asks what the other asks, and stops where it stops."""
    one, other = (Asked(lambda kept: needed <= set(kept)) for _ in range(2))

    async def fails(candidate) -> bool:
        await asyncio.sleep(0)
        return other(candidate)

    start = tuple(range(100))
    spent, also_spent = ((lambda by=by: len(by.candidates) >= budget) for by in (one, other))
    found = drive(fewer, start, one, spent=spent)
    assert asyncio.run(drive_async(fewer, start, fails, spent=also_spent)) == found
    assert one.candidates == other.candidates


def test_progress_names_candidate_and_best():
    """Between two answers both are there to be read, and at the end there is no candidate any more."""
    progress = Progress(fewer, ("a", "b"))
    assert (progress.candidate, progress.best) == ((), ("a", "b"))
    progress.answer(failed=False)
    assert (progress.candidate, progress.best) == (("b",), ("a", "b"))
    progress.answer(failed=True)
    assert (progress.candidate, progress.best) == (None, ("b",))


def test_an_error_of_the_predicate_is_the_callers():
    """What is raised while a candidate is played comes out as it is."""
    with pytest.raises(ZeroDivisionError):
        drive(fewer, (1, 2), lambda kept: bool(1 // len(kept)))


def test_a_mapped_question_is_answered_as_its_own():
    """What is asked is what was made of the candidate; what is returned is the candidate itself."""
    returned: list[int] = []

    def questions(start: str):
        returned.append((yield from mapped(lower(int(start), 0), str)))
        return start

    asked = Asked(lambda text: int(text) >= 4)
    drive(questions, "10", asked)
    assert (asked.candidates, returned) == (["0", "5", "2", "3", "4"], [4])

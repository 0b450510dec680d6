"""What speaks against a load's own generators: each alone makes the run invalid, and is named."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness.gates.cells import Cells
from harness.gates.durations import Durations
from harness.load.frames import Frame, Part, Run
from harness.load.validity import Expected, doubts

EXPECTED = Expected(workers=2, limit_s=1.0)


def drift(*late_us: int) -> Durations:
    """How late requests were sent."""
    counted = Durations()
    counted.add(late_us)
    return counted


def sound() -> list[Part]:
    """Four reports of two generators that did well."""
    return [
        Part(
            worker=worker,
            number=number,
            due=100,
            sent=100,
            cpu=0.8,
            ended=number == 3,
            drift=drift(*[900] * 100),
        )
        for number in range(4)
        for worker in range(2)
    ]


def run_of(parts: Sequence[Part]) -> Run:
    """A run with these reports."""
    return Run.of([Frame(number=0, parts=tuple(parts), cells=Cells(), lasted_s={})])


def change(worker: int, number: int, **values: object) -> Callable[[list[Part]], list[Part]]:
    """One report is another."""

    def changed(parts: list[Part]) -> list[Part]:
        return [
            replace(part, **values) if (part.worker, part.number) == (worker, number) else part  # type: ignore[arg-type]  # values by name
            for part in parts
        ]

    return changed


def without(worker: int, *numbers: int) -> Callable[[list[Part]], list[Part]]:
    """Reports never came."""
    return lambda parts: [part for part in parts if part.worker != worker or part.number not in numbers]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (without(1, 0, 1, 2, 3), "generator 1 never reported"),
        (without(1, 1), "generator 1: report 1 is missing"),
        (without(0, 2, 3), "generator 0 did not come to its end: after 2 reports nothing was heard of it"),
        (lambda parts: [*parts, parts[0]], "generator 0: its reports came out of order, or twice"),
        (change(0, 1, strangers=1), "1 answers did not carry the nonce of the target"),
        (change(0, 1, sent=99, dropped=1), "1 of 800 requests were dropped"),
        (change(0, 1, sent=91), "791 of 800 requests that were due were sent: less than 99%"),
        (change(0, 1, drift=drift(*[60_000] * 100)), "one request in a hundred was sent 60 ms late or later"),
        (change(0, 1, late_s=0.6), "generator 0 stood still for 0.60 s"),
        (
            lambda parts: [replace(part, cpu=0.9) for part in parts],
            "generator 0 took more than 85% of a core for 4",
        ),
    ],
)
def test_each_thing_that_speaks_against_a_generator_is_named(
    broken: Callable[[list[Part]], list[Part]], told: str
) -> None:
    """Alone, and first; a run with nothing of the kind can be judged."""
    assert doubts(run_of(sound()), EXPECTED) == ()
    assert doubts(run_of(broken(sound())), EXPECTED)[0].startswith(told)


@pytest.mark.parametrize(
    "spared",
    [
        change(0, 1, sent=92),
        change(0, 1, cpu=1.0),
        change(0, 1, late_s=0.25),
        change(0, 1, drift=drift(*[45_000] * 100)),
        change(0, 1, drift=drift(*[900] * 90, *[10**6] * 7)),
    ],
)
def test_what_is_within_the_bounds_is_no_doubt(spared: Callable[[list[Part]], list[Part]]) -> None:
    """99 % of what was due, one busy second, a twentieth of the limit, and a few that were late."""
    assert doubts(run_of(spared(sound())), EXPECTED) == ()


def test_requests_that_never_ended_are_missed() -> None:
    """What was sent and is on no record hung, or was lost: nobody knows how it ended."""
    run = run_of(sound())
    run.cells.of(("chat", "POST /turn", "load")).requests = 700
    run.cells.of(("chat", "POST /turn", "load")).statuses[200] = 700
    assert any(
        "800 requests were sent and 700 are on record" in doubt for doubt in doubts(run, Expected(workers=2))
    )


def test_one_late_request_of_a_few_proves_nothing() -> None:
    """One in a hundred can only be seen where there are enough of them."""
    first, *others = sound()
    quick = [replace(part, drift=drift(900)) for part in others]
    few = run_of([replace(first, drift=drift(900, 900, 10**6)), *quick])
    assert doubts(few, Expected(workers=2)) == ()


def test_without_a_limit_ten_milliseconds_are_tolerable() -> None:
    """And the smallest limit of a latency decides where it is larger."""
    late = change(0, 1, drift=drift(*[20_000] * 100))
    assert doubts(run_of(late(sound())), Expected(workers=2))
    assert doubts(run_of(late(sound())), Expected(workers=2, limit_s=0.1))
    assert doubts(run_of(late(sound())), EXPECTED) == ()


def test_a_generator_may_not_stand_still_for_a_quarter_of_a_limit() -> None:
    """A request that was sent meanwhile took so much longer by the generator alone; a tenth of a second is tolerable."""
    still = run_of(change(0, 1, late_s=0.3)(sound()))
    assert doubts(still, replace(EXPECTED, limit_s=1.2)) == ()
    assert doubts(still, replace(EXPECTED, limit_s=1.1))[0].startswith("generator 0 stood still for 0.30 s")
    assert doubts(run_of(change(0, 1, late_s=0.1)(sound())), replace(EXPECTED, limit_s=0.001)) == ()


def test_while_a_run_goes_on_nobody_is_missed_who_may_still_come() -> None:
    """What has happened is told at once, what has not yet only at the end."""
    begun = without(1, 0, 1, 2, 3)(without(0, 2, 3)(sound()))
    assert doubts(run_of(begun), EXPECTED, ended=False) == ()
    assert len(doubts(run_of(begun), EXPECTED)) == 2
    assert doubts(run_of(change(0, 1, strangers=1)(begun)), EXPECTED, ended=False)

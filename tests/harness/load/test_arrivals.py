"""When requests are due: the same for a seed, whoever sends them, and as many as the phases ask for."""

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.load.arrivals import ARRIVALS, arrivals
from harness.load.phases import Phase, checked

PHASES = (
    Phase(name="ramp", for_s=5.0, rate_per_s=1.0, until_per_s=100.0),
    Phase(name="steady", for_s=10.0, rate_per_s=100.0),
    Phase(name="down", for_s=5.0, rate_per_s=100.0, until_per_s=10.0),
)


@pytest.mark.parametrize("kind", ARRIVALS)
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_however_many_share_the_work_the_same_requests_are_due(kind: str, workers: int) -> None:
    """The parts of all generators, put together, are what one alone sends: number, time and phase."""
    alone = list(arrivals(PHASES, 1, kind=kind))
    parts = [
        each
        for worker in range(workers)
        for each in arrivals(PHASES, 1, kind=kind, worker=worker, workers=workers)
    ]
    assert sorted(parts, key=lambda each: each.number) == alone
    assert [each.number for each in alone] == list(range(len(alone)))
    assert all(first.due_s <= second.due_s for first, second in pairwise(alone))


def test_constant_arrivals_are_as_many_as_are_due_and_even() -> None:
    """In each phase its own, and in a steady one at equal distances."""
    alone = list(arrivals(PHASES, 1, kind="constant"))
    counted = Counter(each.phase for each in alone)
    assert all(abs(counted[phase.name] - phase.due) <= 1 for phase in PHASES)
    steady = [each.due_s for each in alone if each.phase == "steady"]
    assert steady[-1] - steady[0] == pytest.approx((len(steady) - 1) / 100)


def test_poisson_arrivals_have_the_rate_and_no_memory() -> None:
    """Of 100 seeds: the mean is what is due, the variance as large, and the gaps' deviation is their mean."""
    steady = Phase(name="steady", for_s=10.0, rate_per_s=40.0)
    counts = [len(list(arrivals([steady], seed))) for seed in range(100)]
    mean = sum(counts) / 100
    variance = sum((count - mean) ** 2 for count in counts) / 99
    assert mean == pytest.approx(steady.due, abs=4 * math.sqrt(steady.due / 100))
    assert 0.5 < variance / steady.due < 1.6
    times = [each.due_s for each in arrivals([Phase(name="long", for_s=100.0, rate_per_s=50.0)], 1)]
    gaps = [second - first for first, second in pairwise(times)]
    average = sum(gaps) / len(gaps)
    assert math.sqrt(sum((gap - average) ** 2 for gap in gaps) / len(gaps)) == pytest.approx(average, rel=0.1)


def test_another_seed_is_another_run() -> None:
    """And the same seed the same."""
    times = [[each.due_s for each in arrivals(PHASES, seed)] for seed in (1, 1, 2)]
    assert times[0] == times[1]
    assert times[0] != times[2]


@given(st.floats(0.1, 1_000), st.floats(0.1, 1_000), st.floats(0.1, 600), st.floats(0, 1))
def test_when_so_many_are_due_follows_the_ramp(begin: float, end: float, for_s: float, share: float) -> None:
    """The rate, added up to that moment, is what is due by then."""
    phase = Phase(name="ramp", for_s=for_s, rate_per_s=begin, until_per_s=end)
    at_s = phase.at(share * phase.due)
    assert at_s * begin + at_s**2 * (end - begin) / (2 * for_s) == pytest.approx(share * phase.due, rel=1e-6)
    assert 0 <= at_s <= for_s * (1 + 1e-9)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"rate_per_s": 0.0}, "phase x: 0 requests a second; give more than 0"),
        ({"rate_per_s": -1.0}, "phase x: -1 requests a second"),
        ({"rate_per_s": math.nan}, "phase x: nan requests a second"),
        ({"rate_per_s": 30_000.0}, "phase x: 30000 requests a second; give more than 0, at most 20000"),
        ({"until_per_s": 0.0}, "phase x: 0 requests a second"),
        ({"for_s": 0.0}, "phase x: 0 s; a phase takes more than 0 s"),
    ],
)
def test_a_phase_out_of_range_is_refused(values: dict[str, float], told: str) -> None:
    """In one line, with what would be right."""
    with pytest.raises(UsageError, match=told):
        Phase(**{"name": "x", "for_s": 1.0, "rate_per_s": 1.0, **values})  # type: ignore[arg-type]  # values by name


def test_what_no_gate_could_tell_apart_is_refused() -> None:
    """Two phases of one name, no phase, and arrivals of no known kind."""
    one = Phase(name="x", for_s=1.0, rate_per_s=1.0)
    assert checked([one]) == (one,)
    with pytest.raises(UsageError, match="two phases are called x"):
        checked([one, PHASES[0], one])
    with pytest.raises(UsageError, match="at least one phase"):
        checked([])
    with pytest.raises(UsageError, match="arrivals=even: must be one of poisson, constant"):
        next(arrivals([one], 1, kind="even"))

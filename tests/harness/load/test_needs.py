"""What a verdict needs, against the figures of the plan."""

import math

import pytest

from harness.gates.grammar import parse
from harness.load.needs import estimates, need, seconds
from harness.load.phases import Phase


@pytest.mark.parametrize(
    ("gate", "once", "watched", "watched_mean"),
    [
        ("error_rate < 0.1%", 2_995, 3_130, 5_701),
        ("error_rate < 0.1% alpha=0.01", 4_603, 3_130, 5_701),
        ("p50 < 2s", 5, 7, 9),
        ("p95 < 2s", 59, 60, 107),
        ("p99 < 2s", 299, 310, 564),
        ("p999 < 2s", 2_995, 3_130, 5_701),
        ("p99 < 2s min_n=1000", 1_000, 1_000, 1_000),
        ("share(method=first) >= 99.9%", 2_995, 3_130, 5_701),
        ("share(method=first) == 100%", 0, 0, 0),
        ("status(5xx) == 0", 0, 0, 0),
        ("max < 2s", 0, 0, 0),
        ("status(5xx) == 0 min_n=5000", 5_000, 5_000, 5_000),
    ],
)
def test_a_gate_needs_so_many_requests(gate: str, once: int, watched: int, watched_mean: int) -> None:
    """Looked at once without an error, watched without one, and watched with half of what is allowed."""
    found = need(parse(gate))
    assert (found.once, found.watched) == (once, pytest.approx(watched, abs=2))
    assert found.watched_mean == pytest.approx(watched_mean, rel=0.01)


def test_only_what_is_estimated_is_ever_decided_before_the_end() -> None:
    """Of what counts more may always come, however many requests it needs at least."""
    assert estimates(parse("p99 < 2s"))
    assert not estimates(parse("status(5xx) == 0 min_n=30"))


def test_requests_are_due_at_the_rate() -> None:
    """At 50 a second 2,995 requests are a minute; where none is needed there is nothing to wait for."""
    even = (Phase(name="load", for_s=600, rate_per_s=50),)
    assert seconds(2_995, even) == pytest.approx(59.9)
    assert seconds(0, even) == 0


def test_the_requests_of_a_phase_are_due_when_it_goes_on() -> None:
    """Those of a ramp come late, those of a second phase after the first; of a short one there may be too few."""
    phases = (
        Phase(name="ramp", for_s=30, rate_per_s=5, until_per_s=50),
        Phase(name="hold", for_s=60, rate_per_s=100),
    )
    assert need(parse("p99 @phase=hold < 2s")).phase == "hold"
    assert seconds(299, phases, "hold") == pytest.approx(32.99)
    assert seconds(825, phases, "ramp") == pytest.approx(30.0)
    assert seconds(826, phases, "ramp") == math.inf
    assert seconds(825 + 100, phases) == pytest.approx(31.0)

"""What a verdict needs, against the figures of the plan."""

import pytest

from harness.gates.grammar import parse
from harness.load.needs import Need, need, seconds


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
    ],
)
def test_a_gate_needs_so_many_requests(gate: str, once: int, watched: int, watched_mean: int) -> None:
    """Looked at once without an error, watched without one, and watched with half of what is allowed."""
    found = need(parse(gate))
    assert (found.once, found.watched) == (once, pytest.approx(watched, abs=2))
    assert found.watched_mean == pytest.approx(watched_mean, rel=0.01)


def test_a_run_takes_as_long_as_its_hardest_gate() -> None:
    """At 50 a second 2,995 requests are a minute; without a gate that estimates, none is needed."""
    needs = [need(parse(gate)) for gate in ("error_rate < 0.1%", "p95 < 2s")]
    assert seconds(needs, 50.0, watched=False) == pytest.approx(59.9)
    assert seconds(needs, 50.0, watched=True) == pytest.approx(62.6)
    assert seconds([Need(gate="max < 2s", once=0, watched=0, watched_mean=0)], 50.0, watched=True) == 0

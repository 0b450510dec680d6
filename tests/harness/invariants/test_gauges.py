"""What is counted as in flight when nothing is."""

from dataclasses import replace

import pytest

from harness.history import Probe, Snapshot

INVARIANT = "liveness.gauge_at_rest"
METRIC = "in_flight"


def history(made, *records):
    """A history of a service that names its gauge."""
    whole = made.history(*records)
    contract = replace(whole.header.contract, in_flight_metric=METRIC)
    return replace(whole, header=replace(whole.header, contract=contract))


def quiet(at_s=8.0):
    """The probe at the end."""
    return Probe(at_s=at_s, phase="quiet", loop_lag_ms_max=0.0, tasks=1, threads=1, descriptors=1)


def read(text, at_s=9.0, name="metrics"):
    """The page of the metrics."""
    return Snapshot(at_s=at_s, name=name, status=200, data=text)


@pytest.mark.parametrize("page", ["in_flight 0.0", "in_flight 1.0", "in_flight_total 7.0", ""])
def test_a_gauge_at_rest_passes(made, findings, page):
    """None, the request that reads it, and another metric are each no complaint."""
    assert findings(INVARIANT, history(made, quiet(), read(page))) == []


@pytest.mark.parametrize("page", ["# HELP\nin_flight 2.0\n", 'in_flight{a="b"} 1.0\nin_flight{a="c"} 1.0'])
def test_what_stays_counted_is_found(made, findings, page):
    """Two that nobody has asked are found, under one label or under two."""
    (message,) = findings(INVARIANT, history(made, quiet(), read(page)))
    assert message == "in_flight counts 2 requests in flight, and nobody has asked anything"


def test_only_what_was_read_when_it_was_quiet_is_judged(made, findings):
    """Before a restart requests may be in flight; a session is no page of metrics; without a probe nothing is known."""
    busy = "in_flight 5.0"
    assert findings(INVARIANT, history(made, read(busy, at_s=7.0), quiet())) == []
    assert findings(INVARIANT, history(made, quiet(), read(busy, name="session:a"))) == []
    assert findings(INVARIANT, history(made, read(busy))) == []

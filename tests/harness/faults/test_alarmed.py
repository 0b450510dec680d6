"""Who runs a service is told of each call that the provider refused for good."""

from dataclasses import replace

import pytest

from harness.faults.holds import alarmed
from harness.history import Snapshot

FAULT = "provider.client_error"


@pytest.mark.parametrize(
    ("counted", "change", "complaints"),
    [
        ((2, 1), {}, 0),
        ((0, 3), {}, 0),
        ((1, 0), {}, 1),
        ((0, 0), {}, 1),
        ((0, 0), {"outcome": "aborted"}, 0),
        ((0, 0), {"fault": "provider.no_reply"}, 0),
    ],
)
def test_an_alarm_that_counts_too_few_is_found(made, counted, change, complaints):
    """Each call that was refused for good is counted under one of the labels; one that nobody waited for need not be."""
    metrics = tuple(f'falls_total{{reason="{reason}"}}' for reason in ("key", "request"))
    page = "".join(
        f'falls_total{{level="a",reason="{reason}"}} {count}.0\n'
        for reason, count in zip(("key", "request", "slow"), (*counted, 9), strict=True)
    )
    snapshot = Snapshot(at_s=9.0, name="metrics", status=200, data=page)
    turns = [made.turn(number) for number in (1, 2, 3)]
    calls = [made.call(turn, **{"fault": FAULT, **change}) for turn in turns]
    contract = replace(made.header().contract, alarm_metrics=metrics)
    history = made.history(*turns, *calls, snapshot, contract=contract)
    unread = made.history(*turns, *calls, replace(snapshot, status=None, data=None), contract=contract)
    assert not list(alarmed(FAULT)(unread))
    assert len(list(alarmed(FAULT)(history))) == complaints

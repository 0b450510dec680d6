"""A confidence must be a number from 0 to 1, where the contract names one."""

import math
from dataclasses import replace

import pytest

INVARIANT = "outcome.confidence_in_range"


def history(made, *exchanges, field="confidence"):
    """A history of a service that promises a confidence in that field."""
    whole = made.history(*exchanges)
    contract = replace(whole.header.contract, confidence_field=field)
    return replace(whole, header=replace(whole.header, contract=contract))


def sure(made, confidence, **changes):
    """A turn that was answered with that confidence."""
    return made.turn(body={"response": "yes", "confidence": confidence}, **changes)


@pytest.mark.parametrize("confidence", [0, 0.0, 0.7, 1, 1.0])
def test_a_number_from_0_to_1_passes(made, findings, confidence):
    """Both ends are in the range, and whole numbers are numbers."""
    assert findings(INVARIANT, history(made, sure(made, confidence))) == []


@pytest.mark.parametrize("confidence", [None, 1.7, -1, math.nan, math.inf, "0.9", True])
def test_anything_else_is_found(made, findings, confidence):
    """What is missing, too large, too small, no number, or a text is found, each as what it is."""
    (message,) = findings(INVARIANT, history(made, sure(made, confidence)))
    assert message == f"confidence is {confidence!r}, no number from 0 to 1"


def test_only_a_whole_200_with_fields_is_held_to_it(made, findings):
    """An error has none, an answer that broke off may have none, and a text has no fields."""
    refused = made.turn(1, status=503)
    broken = sure(made, None, error="RemoteProtocolError")
    text = made.turn(3, body="hello")
    assert findings(INVARIANT, history(made, refused, broken, text)) == []


def test_a_stream_is_judged_by_its_done(made, findings):
    """The last event of a stream has the fields of the answer."""
    events = [{"event": "chunk", "data": {}}, {"event": "done", "data": {"confidence": None}}]
    stream = made.turn(headers={"content-type": "text/event-stream"}, body=events)
    assert findings(INVARIANT, history(made, stream)) == ["confidence is None, no number from 0 to 1"]

"""The provider's own account of what it saw."""

import json
from typing import Any

import pytest

from harness.errors import UsageError
from harness.provider import Witness


def begun(witness: Witness, **changes: Any) -> int:
    said: dict[str, Any] = {"level": "conversation", "request_id": "r", "messages": (), "headers": {}}
    return witness.begin(**{**said, **changes})


def envelope(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.fixture
def witness() -> Witness:
    times = iter(range(100))
    return Witness(now=lambda: float(next(times)))


def test_a_call_is_told_as_it_happened(witness: Witness) -> None:
    """Times, status, outcome, faults and confidence of each call, in the order in which they began."""
    first = begun(witness, request_id="a", messages=({"role": "user"},))
    second = begun(witness, level="structured")
    witness.shaped(second, "provider.no_reply")
    witness.shaped(second, "provider.low_score")
    witness.answered(second, 200, envelope('{"confidence": 0.25}'))
    witness.aborted(first)
    one, two = witness.records()
    assert (one.call, one.request_id, one.outcome, one.status) == (1, "a", "aborted", None)
    assert (one.at_s, one.ended_s, one.in_flight, one.messages) == (0.0, 3.0, 1, ({"role": "user"},))
    assert (two.level, two.outcome, two.status, two.confidence) == ("structured", "answered", 200, 0.25)
    assert (two.fault, two.in_flight) == ("provider.no_reply, provider.low_score", 2)


def test_what_is_in_flight_at_the_end_is_open(witness: Witness) -> None:
    """A call that nobody ended is told as open in the final account, and not before."""
    ordinal = begun(witness)
    assert witness.in_flight == 1
    assert witness.records(final=False) == ()
    assert [call.outcome for call in witness.records()] == ["open"]
    witness.aborted(ordinal)
    assert witness.in_flight == 0


def test_secrets_are_left_out_of_the_records(witness: Witness) -> None:
    """No key that a client sent can reach a history on disk; every other header can."""
    headers = {"authorization": "Bearer secret", "x-api-key": "secret", "cookie": "secret", "accept": "*/*"}
    begun(witness, headers=headers)
    (call,) = witness.records()
    assert call.headers["accept"] == "*/*"
    assert "secret" not in str(dict(call.headers))


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"confidence": NaN}', '{"confidence": "0.9"}', '{"confidence": true}', "7"]
)
def test_what_is_no_confidence_is_not_told_as_one(witness: Witness, content: str) -> None:
    """A history is JSON: only a finite number is a confidence."""
    witness.answered(begun(witness), 200, envelope(content))
    assert witness.records()[0].confidence is None


def test_memory_is_bounded_and_counts_are_exact() -> None:
    """With `keep` the last calls stay, and all are counted; a long load test does not fill the memory."""
    witness = Witness(now=lambda: 0.0, keep=3)
    for at in range(10):
        ordinal = begun(witness)
        if at % 2:
            witness.aborted(ordinal)
        else:
            witness.answered(ordinal, 200, b"")
    begun(witness)
    assert [call.call for call in witness.records()] == [8, 9, 10, 11]
    assert witness.counts == {("conversation", "answered"): 5, ("conversation", "aborted"): 5}
    assert witness.calls == 11


def test_a_huge_answer_is_not_kept() -> None:
    """The body of an answer is kept for its confidence only, and not where it is huge."""
    witness = Witness(now=lambda: 0.0)
    witness.answered(begun(witness), 200, envelope('{"confidence": 0.5}') + b" " * 70_000)
    assert witness.records()[0].confidence is None


def test_a_bound_below_nothing_is_refused() -> None:
    """A negative bound is a usage error that says what would be right."""
    with pytest.raises(UsageError, match="at least 0"):
        Witness(now=lambda: 0.0, keep=-1)

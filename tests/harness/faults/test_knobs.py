"""Knobs are refused where the fault is made, in one line that says what would be right."""

from typing import Any

import pytest

import harness.faults
from harness.errors import UsageError
from harness.faults import (
    BadScore,
    ClientError,
    FinishLength,
    HugeBody,
    LowScore,
    MalformedJson,
    NoReply,
    RateLimited,
    Refused,
    SchemaMisfit,
    ServerError,
    TruncatedBody,
)
from harness.registry import FAULTS
from harness.rig import Window


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (RateLimited, {"retry_after": -1}, "at least 0"),
        (RateLimited, {"retry_after": float("nan")}, "at least 0"),
        (RateLimited, {"retry_after": "soon"}, "an HTTP date such as"),
        (RateLimited, {"code": "slow_down"}, "'rate_limit_exceeded', 'insufficient_quota'"),
        (ServerError, {"status": 404}, "at least 500 and at most 599"),
        (ServerError, {"body": "xml"}, "'json', 'html', 'empty'"),
        (ServerError, {"retry_after": -1}, "at least 0"),
        (ClientError, {"status": 429}, "one of 400, 401, 403, 404"),
        (NoReply, {"for_s": 0}, "at least 0.001"),
        (NoReply, {"for_s": float("inf")}, "at most 86400"),
        (TruncatedBody, {"missing_bytes": 0}, "at least 1"),
        (HugeBody, {"size_bytes": 10}, "at least 10000"),
        (MalformedJson, {"form": "yaml"}, "'html', 'truncated'"),
        (SchemaMisfit, {"form": "extra"}, "'empty_choices', 'missing_key'"),
        (FinishLength, {"content": "all"}, "'null', 'valid_prefix'"),
        (LowScore, {"value": 1.01}, "at most 1"),
        (LowScore, {"value": float("nan")}, "at least 0"),
        (BadScore, {"value": 0.5}, "take provider.low_score"),
        (Refused, {"window": Window(first_n=2)}, "takes from_step and until_step"),
        (Refused, {"window": Window(level="structured")}, "takes from_step and until_step"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(kind: type, knobs: dict[str, Any], remedy: str) -> None:
    """A fault that could never do what was asked is refused at once, and the message says what would be right."""
    with pytest.raises(UsageError, match=remedy) as raised:
        kind(**knobs)
    assert "\n" not in str(raised.value)


def test_every_fault_is_found_by_the_name_of_its_plane() -> None:
    """The registry finds all that the package exports, each with a docstring, a name and a window for all calls."""
    kinds = {name: kind for name, kind in FAULTS.items() if name.partition(".")[0] in ("provider", "network")}
    assert {kind.__name__ for kind in kinds.values()} >= set(harness.faults.__all__)
    for name, kind in kinds.items():
        assert kind.name == name
        assert kind.__doc__
        assert kind().window == Window()

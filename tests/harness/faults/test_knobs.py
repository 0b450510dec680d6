"""Knobs are refused where the fault is made, in one line that says what would be right."""

from typing import Any

import pytest

import harness.faults
from harness.errors import UsageError
from harness.faults import (
    NetworkRefused,
    ProviderBadScore,
    ProviderClientError,
    ProviderFinishLength,
    ProviderHugeBody,
    ProviderLowScore,
    ProviderMalformedJson,
    ProviderNoReply,
    ProviderRateLimited,
    ProviderSchemaMisfit,
    ProviderServerError,
    ProviderTruncatedBody,
)
from harness.registry import FAULTS
from harness.rig import Window


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (ProviderRateLimited, {"retry_after": -1}, "at least 0"),
        (ProviderRateLimited, {"retry_after": float("nan")}, "at least 0"),
        (ProviderRateLimited, {"retry_after": "soon"}, "an HTTP date such as"),
        (ProviderRateLimited, {"code": "slow_down"}, "'rate_limit_exceeded', 'insufficient_quota'"),
        (ProviderServerError, {"status": 404}, "at least 500 and at most 599"),
        (ProviderServerError, {"body": "xml"}, "'json', 'html', 'empty'"),
        (ProviderServerError, {"retry_after": -1}, "at least 0"),
        (ProviderClientError, {"status": 429}, "one of 400, 401, 403, 404"),
        (ProviderNoReply, {"for_s": 0}, "at least 0.001"),
        (ProviderNoReply, {"for_s": float("inf")}, "at most 86400"),
        (ProviderTruncatedBody, {"missing_bytes": 0}, "at least 1"),
        (ProviderHugeBody, {"size_bytes": 10}, "at least 10000"),
        (ProviderMalformedJson, {"form": "yaml"}, "'html', 'truncated'"),
        (ProviderSchemaMisfit, {"form": "extra"}, "'empty_choices', 'missing_key'"),
        (ProviderFinishLength, {"content": "all"}, "'null', 'valid_prefix'"),
        (ProviderLowScore, {"value": 1.01}, "at most 1"),
        (ProviderLowScore, {"value": float("nan")}, "at least 0"),
        (ProviderBadScore, {"value": 0.5}, "take provider.low_score"),
        (NetworkRefused, {"window": Window(first_n=2)}, "takes from_step and until_step"),
        (NetworkRefused, {"window": Window(level="structured")}, "takes from_step and until_step"),
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

"""Knobs are refused where the fault is made, in one line that says what would be right."""

import pickle
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
from harness.faults.provider_clock import ClockSkew
from harness.faults.provider_semantics import ProviderEmptyAnswer, ProviderSecretEcho
from harness.faults.provider_streams import ProviderStreamCut, ProviderStreamError, ProviderStreamStall
from harness.faults.provider_timing import (
    ProviderHeadersOnly,
    ProviderLateReply,
    ProviderPoolHeld,
    ProviderSlowDrip,
    ProviderSlowFirstByte,
)
from harness.faults.provider_transport import ProviderExtraReply, ProviderResetMidBody
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
        (ProviderClientError, {"code": "bad"}, "one of None, 'invalid_json_schema'"),
        (ProviderClientError, {"status": 404, "code": "invalid_json_schema"}, "comes with status=400 only"),
        (ProviderNoReply, {"for_s": 0}, "at least 0.001"),
        (ProviderNoReply, {"for_s": float("inf")}, "at most 86400"),
        (ProviderTruncatedBody, {"missing_bytes": 0}, "at least 1"),
        (ProviderTruncatedBody, {"how": "long"}, "'short', 'bad_chunk', 'empty', 'random'"),
        (ProviderResetMidBody, {"at_bytes": -1}, "at least 0"),
        (ProviderExtraReply, {"n": 0}, "at least 1 and at most 100"),
        (ProviderSlowFirstByte, {"delay_s": 0}, "at least 0.001"),
        (ProviderSlowFirstByte, {"delay_s": 1, "jitter_s": 2}, "at most 1"),
        (ProviderSlowDrip, {"interval_s": 0}, "at least 0.001"),
        (ProviderSlowDrip, {"chunk_bytes": 0}, "at least 1"),
        (ProviderHeadersOnly, {"for_s": 0}, "at least 0.001"),
        (ProviderLateReply, {"late_s": 0}, "at least 0.001"),
        (ProviderLateReply, {"timeout_s": float("nan")}, "at least 0.001"),
        (ProviderPoolHeld, {"sockets": 1}, "at least 2"),
        (ProviderPoolHeld, {"for_s": 0}, "at least 0.001"),
        (ProviderStreamCut, {"how": "fin"}, "'eof', 'rst', 'inside_utf8'"),
        (ProviderStreamCut, {"after_chunks": float("nan")}, "at least -1e"),
        (ProviderStreamStall, {"after_chunks": float("nan")}, "at least -1e"),
        (ProviderStreamStall, {"for_s": 0}, "at least 0.001"),
        (ProviderStreamError, {"after_chunks": float("nan")}, "at least -1e"),
        (ProviderEmptyAnswer, {"content": " "}, "one of '', None"),
        (ProviderSecretEcho, {"where": "log"}, "'body', 'url', 'header'"),
        (ClockSkew, {"by_s": 0}, "from 1 to 1e.09 seconds, ahead or behind"),
        (ClockSkew, {"by_s": float("-inf")}, "from 1 to 1e.09 seconds, ahead or behind"),
        (ProviderHugeBody, {"size_bytes": 10}, "at least 10000"),
        (ProviderMalformedJson, {"form": "yaml"}, "'truncated', 'fenced'"),
        (ProviderSchemaMisfit, {"form": "extra"}, "'missing_key', 'empty_choices'"),
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
    """The registry finds all that the package exports, each with a docstring, a name and a window for all steps."""
    kinds = {name: kind for name, kind in FAULTS.items() if kind.__module__.startswith("harness.faults.")}
    assert {kind.__name__ for kind in kinds.values()} >= set(harness.faults.__all__)
    for name, kind in kinds.items():
        assert kind.name == name
        assert kind.__doc__
        window = kind().window
        assert (window.from_step, window.until_step, window.level) == (0, None, None)


def test_a_score_that_is_no_number_is_the_same_knob_each_time():
    """Two faults with NaN are equal and hash alike, also after a pickle; another score is another fault."""
    made = ProviderBadScore(value=float("nan"))
    again = pickle.loads(pickle.dumps(made))  # our own bytes
    assert made == again == ProviderBadScore()
    assert len({made, again, ProviderBadScore()}) == 1
    assert made != ProviderBadScore(value=-1)
    assert made != "provider.bad_score"

"""The limits of the durations that gates are about: how many requests reach each is counted exactly, not read off a bucket."""

from collections.abc import Sequence
from typing import TypedDict

from harness.gates.criterion import Criterion
from harness.gates.metrics import PERCENTILES, STREAMED, limit_us


class Limits(TypedDict):
    """The limits by what they are of, as a plan holds them."""

    limits_us: tuple[int, ...]
    first_token_limits_us: tuple[int, ...]


def limits(criteria: Sequence[Criterion]) -> Limits:
    """The limits of these gates, in microseconds, ascending."""
    of_tokens = [one for one in criteria if one.metric.removeprefix(STREAMED) in PERCENTILES]
    whole = {limit_us(one) for one in of_tokens if one.metric in PERCENTILES}
    first = {limit_us(one) for one in of_tokens if one.metric not in PERCENTILES}
    return Limits(limits_us=tuple(sorted(whole)), first_token_limits_us=tuple(sorted(first)))

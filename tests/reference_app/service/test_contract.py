"""The words and checks of the contract that stand by themselves."""

import math

import pytest

from reference_app.contract import confidence_is_valid


@pytest.mark.parametrize("value", [0, 1, 0.0, 0.7, 1.0])
def test_a_number_from_nought_to_one_is_a_confidence(value: object) -> None:
    """Both ends count, whole or broken."""
    assert confidence_is_valid(value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, -0.1, 1.1, 2, 10**400, -(10**400), True, False, "0.9", None, [0.9]],
    ids=range(13),
)
def test_nothing_else_is_a_confidence(value: object) -> None:
    """Neither what no float can hold, nor a number in another shape; and none of it is an error."""
    assert not confidence_is_valid(value)

"""No property fails because the machine is busy."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@given(number=st.integers())
def test_an_example_may_take_as_long_as_it_takes(number: int) -> None:
    """A property that sets nothing itself has no deadline for an example, and none for drawing it."""
    assert isinstance(number, int)
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check

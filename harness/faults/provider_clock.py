"""The provider's clock is wrong."""

import math
import time
from dataclasses import dataclass, replace
from email.utils import formatdate

from harness.errors import UsageError
from harness.faults.base import ProviderFault, error, instead
from harness.registry import fault
from harness.rig import Reply, Rule
from harness.variants import chosen

TOO_MANY_REQUESTS = 429
SKEW_S_MAX = 1e9
AHEAD_S = 1
"""How far the provider means its Retry-After to be ahead of its Date."""


@fault("clock.skew")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(ProviderFault):
    """429 from a provider whose clock is `by_s` seconds ahead, or behind where that is negative.

    Its Retry-After is a date one second after its Date (RFC 9110, 10.2.3): who holds that date against a clock of its
    own waits for as long as the clocks differ.
    """

    by_s: float = chosen(3_600.0, -3_600.0)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.by_s) and 1 <= abs(self.by_s) <= SKEW_S_MAX):
            raise UsageError(f"by_s={self.by_s}: must be from 1 to {SKEW_S_MAX:g} seconds, ahead or behind")

    def _rule(self) -> Rule:
        return instead(lambda _call: self._skewed())

    def _skewed(self) -> Reply:
        """The error, with both dates off."""
        now_s = time.time() + self.by_s
        dates = {
            "date": formatdate(now_s, usegmt=True),
            "retry-after": formatdate(now_s + AHEAD_S, usegmt=True),
        }
        reply = error(
            TOO_MANY_REQUESTS,
            "Rate limit reached for requests.",
            kind="requests",
            code="rate_limit_exceeded",
        )
        return replace(reply, headers={**reply.headers, **dates})

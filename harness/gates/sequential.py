"""The sequential probability ratio test on an error rate: it may be looked at after every request.

A. Wald, "Sequential tests of statistical hypotheses" (Annals of Mathematical Statistics 16, 1945). A fixed bound that is
looked at again and again fails a good service far more often than its level says; this test does not.
"""

import math
from dataclasses import dataclass

from harness.verdict import Verdict

BETA_SHARE = 0.9
"""Of the level of a gate what is allowed to its passing side: Wald's bounds are nearly so, and not quite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest:
    """Whether an error rate is rather `limit` / 2 (passed) or 2 * `limit` (failed).

    A service at the better rate fails with probability `alpha`, one at the worse rate passes with `beta`, nearly so: the
    bounds are Wald's, and what a last request adds beyond one is in favour of both. In between it may take long.
    """

    limit: float = 0.001
    alpha: float = 0.01
    beta: float = 0.01

    @property
    def better(self) -> float:
        """The rate that passes: half the limit."""
        return self.limit / 2

    @property
    def worse(self) -> float:
        """The rate that fails: twice the limit, and where that is near 1 or beyond, half-way there."""
        return min(self.limit * 2, (1 + self.limit) / 2)

    @property
    def passes_at(self) -> float:
        """A score of so much or less passes."""
        return math.log(self.beta / (1 - self.alpha))

    @property
    def fails_at(self) -> float:
        """A score of so much or more fails."""
        return math.log((1 - self.beta) / self.alpha)

    def score(self, errors: int, requests: int) -> float:
        """The logarithm of the likelihood ratio, the worse rate over the better."""
        of_success = math.log1p(-self.worse) - math.log1p(-self.better)
        return errors * math.log(self.worse / self.better) + (requests - errors) * of_success

    def verdict(self, errors: int, requests: int) -> Verdict:
        """What is decided after so many requests; to be asked after each, and not again once it is decided."""
        score = self.score(errors, requests)
        if score <= self.passes_at:
            return Verdict.PASSED
        return Verdict.FAILED if score >= self.fails_at else Verdict.UNDECIDED

    def missing(self, errors: int, requests: int) -> int:
        """How many more requests without an error pass."""
        of_success = math.log1p(-self.better) - math.log1p(-self.worse)
        return max(0, math.ceil((self.score(errors, requests) - self.passes_at) / of_success))


def watched_test(limit: float, alpha: float) -> RateTest:
    """The test of a share that is looked at all the time."""
    return RateTest(limit=limit, alpha=alpha, beta=BETA_SHARE * alpha)

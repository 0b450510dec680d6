"""One sequence of calls, and what they leave for others to do."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from harness.bridges.stress.site import Kind, Site, Wrong

WARM_SHARE = 20
"""One of so many calls is made before the process is counted for the first time."""
REASONS_MAX = 20


@dataclass(slots=True, eq=False)
class Caller:
    """One thread's, or one host task's, own sequence of calls."""

    random: random.Random
    kinds: list[Kind]
    ahead: list[Kind]
    """What is called first, whatever is drawn: a short run has tried each kind too."""
    done: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    reasons: list[str] = field(default_factory=list)
    now: tuple[str, float] | None = None
    """The kind of the call in flight, and since when."""

    def call(self, site: Site, calls: int) -> None:
        """Make some calls; a wrong one is counted, and the next is made."""
        drawn, self.ahead = self.ahead[:calls], self.ahead[calls:]
        shares = [kind.share for kind in self.kinds]
        for kind in drawn + self.random.choices(self.kinds, shares, k=calls - len(drawn)):
            self.now = (kind.name, time.monotonic())
            try:
                kind(site)
            except Wrong as wrong:
                self.fault(f"{kind.name}: {wrong}")
            except BaseException as error:  # noqa: BLE001  # whatever a bridge lets out, it is not the answer
                self.fault(f"{kind.name}: raised {error!r}")
            self.by_kind[kind.name] += 1
            self.done += 1
        self.now = None

    def fault(self, reason: str) -> None:
        """Count a wrong answer."""
        self.wrong += 1
        if len(self.reasons) < REASONS_MAX:
            self.reasons.append(reason)


class Last:
    """The token that is none."""

    def cancel(self) -> None:
        """End the canceller."""


LAST = Last()
"""Ends the canceller."""


def canceller(site: Site) -> threading.Thread:
    """The thread that cancels the tokens which the calls hand over."""

    def cancel() -> None:
        while (token := site.tokens.get()) is not LAST:
            token.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    return thread


def shares(calls: int, callers: int) -> tuple[list[int], list[int]]:
    """The calls of each caller before and after the process is counted for the first time."""
    whole = [calls // callers + (number < calls % callers) for number in range(callers)]
    warm = [share // WARM_SHARE for share in whole]
    return warm, [share - first for share, first in zip(whole, warm, strict=True)]

"""What a load run is asked for, held to what there is before anything is started."""

import math
import shlex
from dataclasses import dataclass, field

from harness.errors import UsageError
from harness.scenario import SEED_MAX
from harness.targets.profile import Profile, check_defects
from harness.targets.profile import load as load_profile

REQUESTS = 3_000
"""What a run sends unless told otherwise: just over what "error rate < 0.1 %" takes when no request fails."""
USERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One load run: `requests` turns in all, or `for_s` seconds (whole ones); `REQUESTS` turns where both are None.

    `users` closed users say what `seed` gives them. `defects` are built into the target; `target` is how its profile
    was named, for the replay command.

    Raises:
        UsageError: a value is out of range, both ends are given, or the target has no such defect.
    """

    requests: int | None = None
    for_s: float | None = None
    users: int = 20
    seed: int = 0
    defects: tuple[str, ...] = ()
    profile: Profile = field(default_factory=load_profile)
    target: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.requests is not None and self.for_s is not None:
            raise UsageError("a run ends after a number of requests or after a time: give one of the two")
        if self.requests is not None and self.requests < 1:
            raise UsageError(
                f"requests={self.requests}: must be at least 1; a pass takes {REQUESTS:,} without an error"
            )
        if self.for_s is not None and not (
            math.isfinite(self.for_s) and self.for_s >= 1 and self.for_s == int(self.for_s)
        ):
            raise UsageError(f"for_s={self.for_s:g}: must be a whole number of seconds, at least 1")
        if not 1 <= self.users <= USERS_MAX:
            raise UsageError(f"users={self.users}: must be at least 1 and at most {USERS_MAX:,}")
        if not 0 <= self.seed <= SEED_MAX:
            raise UsageError(f"seed={self.seed}: must be at least 0 and at most {SEED_MAX}")
        check_defects(self.profile, self.defects)

    @property
    def requests_planned(self) -> int | None:
        """After how many turns the run stops; None where its time ends it."""
        return None if self.for_s is not None else self.requests or REQUESTS

    @property
    def replay(self) -> str:
        """The command that runs this again."""
        words = ["shakeout", "load", "--users", str(self.users), "--seed", str(self.seed)]
        words += (
            ["--requests", str(self.requests_planned)]
            if self.for_s is None
            else ["--for", f"{self.for_s:g}s"]
        )
        words += [word for defect in self.defects for word in ("--defect", defect)]
        words += ["--target", self.target] if self.target else []
        return shlex.join(words)

"""What a load run is asked for, held to what there is before anything is started."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.errors import UsageError
from harness.gates.criteria import split
from harness.gates.criterion import Criterion
from harness.gates.metrics import STREAMED
from harness.load.arrivals import ARRIVALS
from harness.load.phases import PHASE_S_MAX, RATE_MAX, Phase, checked
from harness.load.plan import CONVERSATIONS
from harness.scenario import SEED_MAX, Scenario
from harness.targets.profile import Profile, check_defects
from harness.targets.profile import load as load_profile

REQUESTS = 3_000
"""What a run sends unless told otherwise: just over what "error rate < 0.1 %" takes when no request fails."""
RATE_PER_S = 50.0
MAX_S = 600.0
"""So long a run `until decided` may take, unless told otherwise."""
USERS_MAX = 1_000
WORKERS_MAX = 64
MAIN = "load"
"""The phase of a run that names none."""
UNDER_FAULT = "during"
"""The faults of a scenario are there in the phases whose names begin so."""


def closed(users: int) -> str:
    """Users who wait for their answers, in words."""
    return f"{users} closed user{'' if users == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One load run.

    It ends after `requests` in all (under a `scenario`, when so many are due on average), `for_s` seconds, or the last of its `phases`; with `until_decided` as soon as its gates
    are, after `max_s` seconds at the latest. Requests are due `rate_per_s` a second, whatever became of those before
    (`arrivals` says how they are drawn), or are sent by so many `users` who wait for their answers. `workers` generators
    share them. With `bind` they are started elsewhere, and come to that host and port. `gates` stand in the place of the
    success criteria; `without_log` leaves out the gates that the log would testify to. With `streams` turns ask for streams. `scenario` has the faults that are there in the phases
    `during`. `defects` are built into the target; `target` is how its profile was named, for the replay command.

    Raises:
        UsageError: a value is out of range, things do not go together, or the target has no such defect.
    """

    requests: int | None = None
    for_s: float | None = None
    until_decided: bool = False
    max_s: float = MAX_S
    rate_per_s: float | None = None
    users: int | None = None
    arrivals: str = ARRIVALS[0]
    phases: tuple[Phase, ...] = ()
    workers: int = 1
    bind: str = ""
    gates: tuple[Criterion, ...] = ()
    streams: bool = False
    without_log: bool = False
    scenario: Scenario | None = None
    seed: int = 0
    defects: tuple[str, ...] = ()
    profile: Profile = field(default_factory=load_profile)
    target: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        self._check_ends()
        self._check_model()
        if self.requests is not None and self.requests < 1:
            raise UsageError(
                f"requests={self.requests}: must be at least 1; a pass takes {REQUESTS:,} without an error"
            )
        if not 1 <= self.workers <= WORKERS_MAX:
            raise UsageError(f"workers={self.workers}: must be at least 1 and at most {WORKERS_MAX}")
        if not 0 <= self.seed <= SEED_MAX:
            raise UsageError(f"seed={self.seed}: must be at least 0 and at most {SEED_MAX}")
        if self.streams and self.profile.turn.stream == "never":
            raise UsageError(f"{self.profile.name} does not stream: see stream in [turn] of its profile")
        if self.scenario is not None and not self.gates:
            raise UsageError(
                "under a fault the success criteria are not to be kept: say what is, such as "
                "--gate 'error_rate @phase=after < 1%'"
            )
        check_defects(self.profile, self.defects)
        checked(self.planned)
        self._check_gates()

    def _check_ends(self) -> None:
        """Hold the end of the run to its limits."""
        ends = (self.requests is not None, self.for_s is not None, self.until_decided, bool(self.phases))
        if sum(ends) > 1:
            raise UsageError(
                "a run ends after a number of requests, after a time, when it is decided, or after its phases: "
                "give one of --requests, --for, --until-decided and --phase"
            )
        for name, value_s in (("for_s", self.for_s), ("max_s", self.max_s)):
            if value_s is not None and not (math.isfinite(value_s) and 1 <= value_s <= PHASE_S_MAX):
                raise UsageError(f"{name}={value_s:g}: must be at least 1 s and at most {PHASE_S_MAX:g}")

    def _check_gates(self) -> None:
        """Refuse a gate about requests that will not be sent: a wrong name would only be seen when the run is over."""
        if self.gates and not self.asked:
            raise UsageError("--without-log leaves no gate: give one on what is answered, such as 'p99 < 2s'")
        turn = self.profile.turn
        known = {
            "scenario": {CONVERSATIONS},
            "endpoint": {f"{turn.method} {turn.path}"},
            "phase": {phase.name for phase in self.planned},
        }
        for gate in self.gates:
            for kind, names in known.items():
                if (name := getattr(gate.scope, kind)) and name not in names:
                    raise UsageError(
                        f"{gate}: there is no {kind} {name}; there are: {', '.join(sorted(names))}"
                    )
            if gate.metric.startswith(STREAMED) and not self.streams:
                raise UsageError(f"{gate}: only a stream has a first token; add --streams")

    def _check_model(self) -> None:
        """Hold how requests are made to its limits."""
        if self.rate_per_s is not None and not 0 < self.rate_per_s <= RATE_MAX:
            raise UsageError(
                f"--rate {self.rate_per_s:g}: give more than 0 requests a second, at most {RATE_MAX:g}"
            )
        if self.users is not None and (self.rate_per_s is not None or self.phases):
            raise UsageError("--users wait for their answers, a rate waits for nobody: give one of the two")
        if self.phases and self.rate_per_s is not None:
            raise UsageError("each --phase has its own rate: leave --rate out")
        if self.users is not None and not 1 <= self.users <= USERS_MAX:
            raise UsageError(f"users={self.users}: must be at least 1 and at most {USERS_MAX:,}")
        if self.users is not None and self.users < self.workers:
            raise UsageError(f"users={self.users}: each of {self.workers} generators needs one at least")
        if self.users is not None and self.scenario is not None:
            raise UsageError("--scenario has phases, which --users have not: give --rate")
        if self.arrivals not in ARRIVALS:
            raise UsageError(f"arrivals={self.arrivals}: must be one of {', '.join(ARRIVALS)}")

    @property
    def asked(self) -> tuple[Criterion, ...]:
        """The gates that were given, but for those that are left out."""
        return split(self.gates, without_log=self.without_log)[0]

    @property
    def rate(self) -> float:
        """How many requests a second are due where no phase says it."""
        return RATE_PER_S if self.rate_per_s is None else self.rate_per_s

    @property
    def planned(self) -> tuple[Phase, ...]:
        """The phases of the run; any one stands for users, who have none."""
        if self.phases:
            return self.phases
        main = Phase(name=MAIN, for_s=self._lasting_s, rate_per_s=self.rate)
        if self.scenario is None:
            return (main,)
        parts = ("before", UNDER_FAULT, "after")
        return tuple(replace(main, name=name, for_s=main.for_s / len(parts)) for name in parts)

    @property
    def requests_planned(self) -> int | None:
        """After how many requests the run stops; None where its time ends it."""
        if self.for_s is not None or self.until_decided or self.phases or self.scenario is not None:
            return None
        return self.requests or REQUESTS

    @property
    def time_planned_s(self) -> float | None:
        """After how many seconds the users of a run stop; None where their requests end it."""
        return self.max_s if self.until_decided else self.for_s

    @property
    def _lasting_s(self) -> float:
        """How long the requests are due: drawn ones may be fewer in a time than their mean, and the number is what ends it."""
        if (requests := self.requests_planned) is None:
            of_requests = (
                None if self.scenario is None else (self.requests or REQUESTS) / max(self.rate, 1e-9)
            )
            return self.max_s if self.until_decided else self.for_s or of_requests or self.max_s
        return min(PHASE_S_MAX, (requests + 10 * math.sqrt(requests) + 10) / max(self.rate, 1e-9))

    @property
    def model(self) -> str:
        """How requests are made, in words."""
        more = [", as streams"] if self.streams else []
        more += [f", under {self.scenario.name}"] if self.scenario is not None else []
        return self._model + "".join(more)

    @property
    def _model(self) -> str:
        if self.users is not None:
            return closed(self.users)
        if self.phases:
            return f"{self.arrivals} arrivals, {', '.join(map(str, self.phases))}"
        return f"{self.arrivals} arrivals at {self.rate:g}/s"

    @property
    def replay(self) -> str:
        """The command that runs this again."""
        words = ["shakeout", "load", "--seed", str(self.seed), *self._ending()]
        if self.users is not None:
            words += ["--users", str(self.users)]
        elif not self.phases:
            words += ["--rate", f"{self.rate:g}"]
        words += ["--arrivals", self.arrivals] if self.arrivals != ARRIVALS[0] else []
        words += ["--workers", str(self.workers)] if self.workers > 1 else []
        words += ["--bind", self.bind] if self.bind else []
        words += ["--streams"] if self.streams else []
        words += ["--without-log"] if self.without_log else []
        words += [word for gate in self.gates for word in ("--gate", str(gate))]
        if self.scenario is not None:
            words += ["--scenario", self.scenario.origin or self.scenario.name]
        words += [word for defect in self.defects for word in ("--defect", defect)]
        words += ["--target", self.target] if self.target else []
        return shlex.join(words)

    def _ending(self) -> Sequence[str]:
        if self.phases:
            return [word for phase in self.phases for word in ("--phase", str(phase))]
        if self.until_decided:
            return ["--until-decided", "--max", f"{self.max_s:g}s"]
        if self.for_s is not None:
            return ["--for", f"{self.for_s:g}s"]
        return ["--requests", str(self.requests or REQUESTS)]

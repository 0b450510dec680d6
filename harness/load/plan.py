"""What the generators are told: the plan that the parent writes and every process of locust reads."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.load.phases import Phase, ends_s
from harness.targets.template import TurnTemplate

REPORT_S = 1.0
"""So often a generator reports, and the master writes a frame."""

CONVERSATIONS = "conversations"
"""The scenario of all requests."""

CLOSED = "load"
"""The phase of users who wait for their answers: they have no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of so many generators (`workers`).

    With `phases` requests are due by the clock, `arrivals` says how they are drawn; without any, users wait for their
    answers, for `for_s` seconds. Either stops after `requests` in all. With a `nonce`, every answer must carry it.
    `limits_us` and `first_token_limits_us` are counted exactly. With `compared`, each request is told of by its number.
    With `streams`, turns ask for streams. `directory` is where the master writes its frames and when the run `began`, and
    where a file called `stop` ends the run.
    """

    turn: TurnTemplate
    seed: int
    directory: str
    workers: int = 1
    scenario: str = CONVERSATIONS
    run: str = ""
    phases: tuple[Phase, ...] = ()
    arrivals: str = "poisson"
    requests: int | None = None
    for_s: float | None = None
    nonce: str | None = None
    compared: bool = False
    streams: bool = False
    limits_us: tuple[int, ...] = ()
    first_token_limits_us: tuple[int, ...] = ()

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The names of its phases, in their order."""
        return tuple(phase.name for phase in self.phases) or (CLOSED,)

    @property
    def lasts_s(self) -> float:
        """After how many seconds nothing more is due; endless where only a number of requests ends it."""
        return ends_s(self.phases)[-1] if self.phases else self.for_s or math.inf

    @property
    def frames(self) -> Path:
        """Where the frames are written."""
        return Path(self.directory) / "frames.jsonl"

    @property
    def stop(self) -> Path:
        """The file that ends the run."""
        return Path(self.directory) / "stop"

    @property
    def came(self) -> Path:
        """The file that says how many generators have come."""
        return Path(self.directory) / "came"

    @property
    def generators_came(self) -> int:
        """What is in it; 0 as long as it is not there."""
        return int(text) if self.came.exists() and (text := self.came.read_text()) else 0

    @property
    def began(self) -> Path:
        """The file that says when the first request was due: seconds of the machine's monotonic clock."""
        return Path(self.directory) / "began"

    @property
    def began_s(self) -> float | None:
        """What is in it; None as long as it is not there."""
        return float(text) if self.began.exists() and (text := self.began.read_text()) else None

    @property
    def prefix(self) -> str:
        """What the ids of requests and sessions begin with, before their number; with `run` no other run has the same."""
        return "-".join(filter(None, ("load", str(self.seed), self.run))) + "-"

    def text(self) -> str:
        """The plan as one line."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of(cls, text: str) -> "Plan":
        """What `text` wrote."""
        values: dict[str, Any] = orjson.loads(text)
        lists = {name: tuple(values[name]) for name in ("limits_us", "first_token_limits_us")}
        phases = tuple(Phase(**phase) for phase in values["phases"])
        return cls(**{**values, **lists, "phases": phases, "turn": TurnTemplate(**values["turn"])})

    def turns_of(self, worker: int) -> int | None:
        """How many turns a generator's users hold in all; None where their time ends them."""
        if self.requests is None:
            return None
        return self.requests // self.workers + (worker < self.requests % self.workers)

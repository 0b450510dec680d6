"""What the generator is told: the plan that the parent writes and the locust process reads."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from harness.targets.template import TurnTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of the generator.

    It stops after exactly `requests` turns; where that is None, locust's own run time ends it. With a `nonce`, every
    answer must carry it. `records` is where the turns are written.
    """

    turn: TurnTemplate
    seed: int
    records: Path
    requests: int | None = None
    nonce: str | None = None

    def write(self, path: Path) -> None:
        """Put the plan on disk."""
        path.write_bytes(orjson.dumps({**asdict(self), "records": str(self.records)}))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read what `write` wrote."""
        values = orjson.loads(path.read_bytes())
        return cls(**{**values, "turn": TurnTemplate(**values["turn"]), "records": Path(values["records"])})

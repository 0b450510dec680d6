"""A gate as data: which figure, of which requests, is held to which limit, and how sure that must be."""

from dataclasses import dataclass, field
from enum import StrEnum

ALPHA = 0.05
"""The level of a gate that names none: so often at most it passes what it should not."""

INCREASES = "increases"


class Figure(StrEnum):
    """What the figure of a metric is, and in what its limit is written."""

    SHARE = "%"
    SECONDS = "s"
    COUNT = ""
    RATE = "/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which requests a gate is about: those of a scenario, an endpoint, a phase; empty is any."""

    scenario: str = ""
    endpoint: str = ""
    phase: str = ""

    def holds(self, scenario: str, endpoint: str, phase: str) -> bool:
        """Whether requests of these are among them."""
        wanted = ((self.scenario, scenario), (self.endpoint, endpoint), (self.phase, phase))
        return all(name in ("", known) for name, known in wanted)

    def __str__(self) -> str:
        named = (("scenario", self.scenario), ("endpoint", self.endpoint), ("phase", self.phase))
        return " ".join(f"@{key}={quoted(value)}" for key, value in named if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One gate: `metric` with its `argument`, of a `scope`, is `op` the `limit`, proven at level `alpha`.

    A share has a limit in 0..1, a duration in seconds. With `increases` there is no limit. Before `min_n` requests
    nothing is decided; with `abort` a gate that fails ends the run.
    """

    metric: str
    figure: Figure
    op: str
    limit: float = 0.0
    argument: str = ""
    scope: Scope = field(default_factory=Scope)
    alpha: float = ALPHA
    min_n: int = 0
    abort: bool = False

    def __str__(self) -> str:
        """The gate in the words of the grammar: what is parsed from this is the same gate."""
        argument = f"({self.argument})" if self.argument else ""
        words = [f"{self.metric}{argument}", str(self.scope), self.op]
        words += [written(self.limit, self.figure)] if self.op != INCREASES else []
        words += [f"alpha={self.alpha:g}"] if self.alpha != ALPHA else []
        words += [f"min_n={self.min_n}"] if self.min_n else []
        words += ["abort"] if self.abort else []
        return " ".join(word for word in words if word)


def written(limit: float, figure: Figure) -> str:
    """A limit with its unit, as it is written in a gate."""
    if figure is Figure.SHARE:
        return f"{limit * 100:.12g}%"
    return f"{limit:.12g}{figure if figure is Figure.SECONDS else ''}"


def quoted(value: str) -> str:
    """A name as it stands in a gate: in quotes where it has blanks, or what a comparison is made of."""
    return f'"{value}"' if any(letter.isspace() or letter in "<>=" for letter in value) else value

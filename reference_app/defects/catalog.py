"""What a defect is: one historical mistake, put back into a working app by replacing one part."""

from collections.abc import Callable
from dataclasses import dataclass

from reference_app.components import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One mistake. `sources` are where it was seen, `reasons` the invariants that must catch it."""

    name: str
    incident_class: str
    sources: tuple[str, ...]
    summary: str
    reasons: tuple[str, ...]
    apply: Callable[[Components], Components]

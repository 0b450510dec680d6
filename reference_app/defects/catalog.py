"""What a defect is: one historical mistake, put back into a working app by replacing one part."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from reference_app.components import Components
from reference_app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One mistake. `sources` are where it was seen, `reasons` the invariants that must catch it."""

    name: str
    incident_class: str
    sources: tuple[str, ...]
    summary: str
    reasons: tuple[str, ...]
    apply: Callable[[Components], Components]

    @property
    def parts(self) -> frozenset[str]:
        """The components that it replaces: two defects that have none in common can be on at once."""
        good = Components(settings=Settings.model_construct())  # nothing of the environment is asked here
        bad = self.apply(good)
        return frozenset(
            item.name for item in fields(good) if getattr(bad, item.name) is not getattr(good, item.name)
        )

"""The app as a rehearsal needs it: with historical mistakes put back by name, and with its provider's wire handed in."""

from collections.abc import Mapping, Sequence

import httpx
from starlette.types import ASGIApp

from reference_app.app import build
from reference_app.components import Components
from reference_app.defects import DEFECTS
from reference_app.defects.catalog import Defect
from reference_app.settings import Settings

NOWHERE = "http://provider.invalid/v1"
"""The provider's address where its wire is handed in and none is configured: a name that can never resolve."""


def create(*, defects: Sequence[str] = (), transport: httpx.AsyncBaseTransport | None = None) -> ASGIApp:
    """Build the app from the environment, with the named defects in the order given.

    Raises:
        ValueError: a name is no defect; the message lists those that there are.
    """
    settings = Settings()
    if transport is not None and settings.provider_url is None:
        settings = settings.model_copy(update={"provider_url": NOWHERE})
    return build(with_defects(Components(settings=settings, transport=transport), defects, DEFECTS))


def with_defects(components: Components, names: Sequence[str], catalogue: Mapping[str, Defect]) -> Components:
    """The components with the named defects of the catalogue put in.

    Raises:
        ValueError: a name is not in the catalogue.
    """
    for name in names:
        if name not in catalogue:
            there = ", ".join(sorted(catalogue)) or "none"
            raise ValueError(f"there is no defect {name!r}; there are: {there}")
        components = catalogue[name].apply(components)
    return components

"""The app as a rehearsal needs it: with historical mistakes put back by name, and with its provider's wire handed in."""

from collections.abc import Sequence

import httpx
from starlette.types import ASGIApp

from reference_app.app import build
from reference_app.components import Components
from reference_app.defects import DEFECTS
from reference_app.settings import Settings


def create(*, defects: Sequence[str] = (), transport: httpx.AsyncBaseTransport | None = None) -> ASGIApp:
    """Build the app from the environment, with the named defects in the order given.

    Raises:
        ValueError: a name is no defect; the message lists those that there are.
    """
    components = Components(settings=Settings(), transport=transport)
    for name in defects:
        if name not in DEFECTS:
            raise ValueError(
                f"there is no defect {name!r}; there are: {', '.join(sorted(DEFECTS)) or 'none'}"
            )
        components = DEFECTS[name].apply(components)
    return build(components)

"""The composition: components become one ASGI app. `uvicorn reference_app.app:app` serves it as the environment says.

At SIGTERM uvicorn lets the requests in flight finish; a SIGINT after it has uvicorn exit at once, and they have no record.
"""

from starlette.types import ASGIApp

from reference_app.components import Components, Parts
from reference_app.settings import Settings


def build(components: Components) -> ASGIApp:
    """Build the app; nothing is opened before its lifespan begins."""
    parts = Parts(components)
    return components.outcome(components.guard(parts.application, parts), parts)


app = build(Components(settings=Settings()))

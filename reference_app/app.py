"""The composition: components become one ASGI app. `uvicorn reference_app.app:app` serves it as the environment says."""

from starlette.types import ASGIApp

from reference_app import problems
from reference_app.components import Components, Parts
from reference_app.routes import Application
from reference_app.settings import Settings


def build(components: Components) -> ASGIApp:
    """Build the app; nothing is opened before its lifespan begins."""
    parts = Parts(components)
    application = Application(
        title="Reference service",
        version="1",
        lifespan=lambda _: components.lifespan(parts),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(application)
    parts.routes.install(application)
    return components.outcome(components.guard(application, parts), parts)


app = build(Components(settings=Settings()))

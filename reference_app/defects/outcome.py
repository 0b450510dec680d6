"""Mistakes in what is said of a request after it was served."""

from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import Request, Response

from reference_app.components import Components, Parts, make_outcome, make_routes
from reference_app.defects.catalog import Defect
from reference_app.logger import Logger
from reference_app.outcome import Outcome
from reference_app.routes import Routes
from reference_app.sessions.protocol import StoreUnavailable

ROUTE = "/workflow/execute"
COMPLETE = "api_request_complete"


class TurnFailed(RuntimeError):
    """What became of a turn that could not be kept; no handler knows it."""


class ProudRoutes(Routes):
    """Decides about success before the answer is there, and writes the completion record from in here."""

    log: Logger

    async def execute(self, request: Request) -> Response:
        """Hold the turn, which is a success; that the store failed is an error of one's own, and so a 500."""
        success, status = True, 500
        try:
            response = await super().execute(request)
        except StoreUnavailable as error:
            raise TurnFailed("the turn could not be kept") from error
        else:
            status = response.status_code
            return response
        finally:
            self.log.info(COMPLETE, status_code=status, success=success, route=ROUTE)


class ModestOutcome(Outcome):
    """Leaves the record of a turn to the layer inside, which cannot see what was sent: without this there were two."""

    def write(self, **fields: Any) -> None:
        """Write the records of everything else."""
        if fields["route"] != ROUTE:
            super().write(**fields)


def _routes(parts: Parts) -> Routes:
    routes = make_routes(parts, kind=ProudRoutes)
    assert isinstance(routes, ProudRoutes)
    routes.log = parts.observability.logger("universal_framework.safe_mode")
    return routes


def _apply(components: Components) -> Components:
    """Two parts: the record is written inside, where success is decided, and so must not be written outside again."""
    return replace(components, routes=_routes, outcome=partial(make_outcome, kind=ModestOutcome))


DEFECTS = (
    Defect(
        name="success_logged_on_500",
        incident_class="C10",
        sources=("emergency plan, incident 2", "Kludex/starlette#1175"),
        summary="an inner layer has decided about success when the store fails: the client is sent 500, and the log says success",
        reasons=("logs.agree_with_wire",),
        apply=_apply,
    ),
)

"""Mistakes in what is said of a request after it was served."""

from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from fastapi import Request, Response

from reference_app.components import Components, Parts, make_outcome, make_routes
from reference_app.defects.catalog import Defect
from reference_app.logger import Logger
from reference_app.outcome import Outcome
from reference_app.routes import Routes

ROUTE = "/workflow/execute"
COMPLETE = "api_request_complete"


class ProudRoutes(Routes):
    """Decides about success before the answer is finished, and writes the completion record from in here."""

    log: Logger

    async def execute(self, request: Request) -> Response:
        """Hold the turn, then note which level it fell back to, as if every turn had fallen back."""
        success, status = True, 500
        try:
            response = await super().execute(request)
            fell_back_to = orjson.loads(response.body)["fallbacks"][-1]["level"]
            status = response.status_code
            response.headers["x-fallback-level"] = fell_back_to
            return response
        finally:
            self.log.info(COMPLETE, status_code=status, success=success, route=ROUTE)


class ModestOutcome(Outcome):
    """Leaves the record of a turn to the layer inside, which cannot see what was sent."""

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
    return replace(components, routes=_routes, outcome=partial(make_outcome, kind=ModestOutcome))


DEFECTS = (
    Defect(
        name="success_logged_on_500",
        incident_class="C10",
        sources=("emergency plan, incident 2", "encode/starlette#1175"),
        summary="an inner layer logs success as a constant; the error that makes the 500 is raised after that was decided",
        reasons=("logs.agree_with_wire", "outcome.status_in_contract"),
        apply=_apply,
    ),
)

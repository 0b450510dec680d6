"""Mistakes in what a client is told of a failure, and in what is recorded of its request."""

from dataclasses import replace
from functools import partial
from http import HTTPStatus

import orjson
from fastapi import Request, Response

from reference_app.components import Components, Parts, make_outcome, make_routes
from reference_app.context import current
from reference_app.contract import ExecuteRequest
from reference_app.defects.catalog import Defect
from reference_app.logger import Logger
from reference_app.outcome import Exchange, Outcome
from reference_app.routes import Routes

APOLOGY = "I am sorry, something went wrong. Could you say that again?"


class FriendlyRoutes(Routes):
    """Catches whatever goes wrong in a turn, so that the user sees kind words instead of an error."""

    log: Logger

    async def execute(self, request: Request) -> Response:
        """Hold the turn, or say that one is sorry."""
        try:
            return await super().execute(request)
        except Exception:  # the mistake
            self.log.exception("workflow_failed")
            said = {"response": APOLOGY, "success": False, "request_id": current().request_id}
            return Response(orjson.dumps(said), media_type="application/json")


class HandmadeRoutes(Routes):
    """Builds the model of the body by hand: what it says of bad input is no error that the framework answers with 422."""

    async def execute(self, request: Request) -> Response:
        """Build the model, and hold the turn."""
        try:
            content = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return await super().execute(request)
        ExecuteRequest.model_validate(content)
        return await super().execute(request)


class TalkativeRoutes(Routes):
    """Writes a completion record of each failure that passes by, as if nobody further out did."""

    log: Logger

    async def execute(self, request: Request) -> Response:
        """Hold the turn, and write down how it failed."""
        try:
            return await super().execute(request)
        except Exception:
            self.log.info("api_request_complete", status_code=500, success=False, route="/workflow/execute")
            raise


class TrustingOutcome(Outcome):
    """Records 200 where nothing else was sent: a default, which stays where the client has left before the answer."""

    def record(self, exchange: Exchange) -> None:
        """Write down a client that left as one that was answered."""
        if exchange.left:
            exchange.left, exchange.complete = False, True
            exchange.status = exchange.status or HTTPStatus.OK
        super().record(exchange)


def _logging(parts: Parts, *, kind: type[FriendlyRoutes] | type[TalkativeRoutes]) -> Routes:
    """Routes with a log of their own."""
    routes = make_routes(parts, kind=kind)
    assert isinstance(routes, FriendlyRoutes | TalkativeRoutes)
    routes.log = parts.observability.logger("universal_framework.safe_mode")
    return routes


def _friendly(components: Components) -> Components:
    return replace(components, routes=partial(_logging, kind=FriendlyRoutes))


def _handmade(components: Components) -> Components:
    return replace(components, routes=partial(make_routes, kind=HandmadeRoutes))


def _talkative(components: Components) -> Components:
    return replace(components, routes=partial(_logging, kind=TalkativeRoutes))


def _trusting(components: Components) -> Components:
    return replace(components, outcome=partial(make_outcome, kind=TrustingOutcome))


DEFECTS = (
    Defect(
        name="error_in_200_body",
        incident_class="C10",
        sources=("google/adk-python#4244", "IBM/project-ai-services#1005"),
        summary="a catch-all turns every error into a 200 with kind words in it: nobody repeats a turn that was not kept",
        reasons=("sessions.acknowledged_turns_kept", "outcome.expected_status"),
        apply=_friendly,
    ),
    Defect(
        name="client_error_as_500",
        incident_class="C10",
        sources=("openaq/openaq-api#87",),
        summary="a body that is not as the contract says raises what no handler knows: the client's mistake is a 500",
        reasons=("outcome.expected_status", "outcome.status_in_contract"),
        apply=_handmade,
    ),
    Defect(
        name="disconnect_logged_as_200",
        incident_class="C10",
        sources=("Kludex/uvicorn#119", "Kludex/uvicorn#2271"),
        summary="a request is recorded as 200 unless something else was sent: also where the client left, and nothing was",
        reasons=("logs.agree_with_wire", "logs.metrics_agree_with_wire"),
        apply=_trusting,
    ),
    Defect(
        name="duplicate_completion_record",
        incident_class="C10",
        sources=("lablup/backend.ai#14182", "serilog/serilog-aspnetcore#260"),
        summary="an inner layer writes a completion record of a failure too, with a status that is not sent",
        reasons=("logs.agree_with_wire",),
        apply=_talkative,
    ),
)

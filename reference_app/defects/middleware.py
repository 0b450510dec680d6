"""The outermost layer, as the framework's own class of middleware has it written."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_app.bridging.scopes import Scope as SyncCalls
from reference_app.components import Components, make_outcome
from reference_app.context import REQUEST, RequestContext
from reference_app.defects.catalog import Defect
from reference_app.outcome import Exchange, Outcome
from reference_app.problems import Problem, overloaded, unexpected
from reference_app.security import OPEN_PATHS, sane_request_id


class MiddlewareOutcome(Outcome):
    """Waits for the head of the answer, which is all that such a middleware sees, and takes it for the whole.

    The app runs in a task behind it, and whether the client is still there nobody asks.
    """

    def __init__(self, app: ASGIApp, **parts: Any) -> None:
        super().__init__(app, **parts)
        self._middleware = BaseHTTPMiddleware(app, dispatch=self.dispatch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is no HTTP request is as it was."""
        if scope["type"] == "http":
            await self._middleware(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Give the request its id, have it answered, and write its record."""
        started = time.monotonic()
        sent = [value.encode("latin-1") for value in request.headers.getlist("x-request-id")]
        context = RequestContext(
            request_id=sane_request_id(sent) or self._ids.new(),
            started=started,
            deadline=started + self._settings.deadline_s,
        )
        token = REQUEST.set(context)
        exchange = Exchange(request.scope, request.receive, _unused, context=context, calls=SyncCalls())
        try:
            response = await self._answered(request, call_next, exchange)
            response.headers["x-request-id"] = context.request_id
            exchange.status = response.status_code
            # The mistake: of a stream nothing but the head is there yet.
            exchange.complete = not exchange.left
            return response
        finally:
            self.record(exchange)
            REQUEST.reset(token)

    async def _answered(
        self, request: Request, call_next: RequestResponseEndpoint, exchange: Exchange
    ) -> Response:
        """Let the request in, if there is room, and answer what the app failed to answer."""
        is_open = request.url.path in OPEN_PATHS
        if not is_open and not self._admission.enter():
            return overloaded("the service is at its limit, or shuts down").response()
        try:
            async with asyncio.timeout(exchange.context.left_s()):
                body = await request.body()
            if len(body) > self._settings.body_bytes_max:
                return Problem(413, "the body is too large").response()
            return await call_next(request)
        except TimeoutError:
            errors = [{"field": "body", "reason": "too_slow"}]
            return Problem(422, "the body did not arrive in time", errors=errors).response()
        except ClientDisconnect:
            exchange.left = True
            return Response()
        except Exception:  # noqa: BLE001  # as the good layer: a bug ends here
            self._log.exception("unhandled_exception", method=request.method)
            return unexpected().response()
        finally:
            if not is_open:
                self._admission.leave()


async def _unused(_: object) -> None:
    """Stands where the exchange would send: the middleware's answers are sent by the framework."""


def _apply(components: Components) -> Components:
    return replace(components, outcome=partial(make_outcome, kind=MiddlewareOutcome))


DEFECTS = (
    Defect(
        name="base_http_middleware",
        incident_class="C05",
        sources=("Kludex/starlette#1081", "Kludex/starlette#2943", "sqlalchemy/sqlalchemy#12077"),
        summary="the outermost layer is a BaseHTTPMiddleware: it never sees that a client left, nor how a stream ended",
        reasons=(
            "liveness.provider_call_released",
            "logs.agree_with_wire",
            "logs.metrics_agree_with_wire",
            "logs.success_is_whole",
        ),
        apply=_apply,
    ),
)

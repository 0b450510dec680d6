"""The routes of the contract. Bodies are checked by the contract's models, and answers are written by us."""

from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from reference_app.admission import Admission
from reference_app.classifier import IntentClassifier
from reference_app.context import current
from reference_app.contract import (
    ClassifyRequest,
    ClassifyResponse,
    ExecuteRequest,
    ExecuteResponse,
    SessionResponse,
)
from reference_app.events import MEDIA_TYPE as EVENTS
from reference_app.observability import Metrics
from reference_app.problems import MEDIA_TYPE, Problem, invalid, invalid_field
from reference_app.sessions.protocol import SessionStore, StoreError
from reference_app.streaming import EventStream, wants_events
from reference_app.workflow import Workflow, fallbacks_of, note

KEY_CHARACTERS_MAX = 255
READY_S = 0.75

Model = TypeVar("Model", bound=BaseModel)

_PROBLEMS = (401, 404, 409, 413, 422, 429, 503)
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}} for status in _PROBLEMS
}
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
}


async def _classify_request(request: Request) -> ClassifyRequest:
    """The body of a classification, read on the loop for a handler that has no `await`."""
    return checked(ClassifyRequest, await request.body())


class Application(FastAPI):
    """The framework's app, whose document also has the bodies that the handlers check themselves."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            models = super().openapi().setdefault("components", {}).setdefault("schemas", {})
            for model in (ExecuteRequest, ClassifyRequest):
                own = model.model_json_schema(ref_template="#/components/schemas/{model}")
                models.update(own.pop("$defs", {}))
                models[model.__name__] = own
        return super().openapi()


class DirectRoute(APIRoute):
    """A route whose handler takes the request itself: it has no dependency that would have to be solved."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler as it is."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


class Routes:
    """The handlers, each a method, so that one can be replaced."""

    def __init__(
        self,
        *,
        workflow: Workflow,
        classifier: IntentClassifier,
        store: SessionStore,
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self._workflow = workflow
        self._classifier = classifier
        self._store = store
        self._admission = admission
        self._metrics = metrics

    def install(self, app: FastAPI) -> None:
        """Put the routes into the app."""
        app.router.add_api_route(
            "/workflow/execute",
            self.execute,
            methods=["POST"],
            response_model=ExecuteResponse,
            responses={200: {"content": {EVENTS: {}}}, **_DOCUMENTED},
            openapi_extra={"parameters": [_KEY_HEADER], **_body(ExecuteRequest)},
            route_class_override=DirectRoute,
        )
        app.post(
            "/intent/classify",
            response_model=ClassifyResponse,
            responses=_DOCUMENTED,
            openapi_extra=_body(ClassifyRequest),
        )(self.classify)
        app.get("/sessions/{session_id}", response_model=SessionResponse, responses=_DOCUMENTED)(self.session)
        app.delete("/sessions/{session_id}", status_code=204, responses=_DOCUMENTED)(self.forget)
        app.get("/health")(self.health)
        app.get("/ready", responses={503: _DOCUMENTED[503]})(self.ready)
        app.get("/metrics")(self.metrics)

    async def execute(self, request: Request) -> Response:
        """Hold one turn."""
        asked = checked(ExecuteRequest, await request.body())
        key = idempotency_key(request)
        if wants_events(request):
            return EventStream(partial(self._workflow.execute, asked, key))
        return Response(await self._workflow.execute(asked, key), media_type="application/json")

    # A function without `async`, so that the synchronous facade is called where such callers are: in a worker thread.
    def classify(self, asked: Annotated[ClassifyRequest, Depends(_classify_request)]) -> Response:
        """Classify a message; nothing is kept."""
        classification = self._classifier.classify_intent_with_state(asked.message, None)
        context = current()
        note(context, classification)
        answer = {
            "intent": classification.intent,
            "confidence": classification.confidence,
            "method": classification.method,
            "degraded": classification.degraded,
            "fallbacks": fallbacks_of(classification),
            "request_id": context.request_id,
        }
        return Response(orjson.dumps(answer), media_type="application/json")

    async def session(self, session_id: str) -> Response:
        """Read a session."""
        stored = await self._workflow.session(session_id)
        answer = {
            "session_id": session_id,
            "workflow_phase": stored.phase,
            "turns": [
                {
                    "turn": turn.sequence,
                    "message": turn.message,
                    "response": turn.response,
                    "intent": turn.intent,
                    "method": turn.method,
                    "request_id": turn.request_id,
                    "created_at": turn.created_at,
                }
                for turn in stored.turns
            ],
            "created_at": stored.created_at,
            "updated_at": stored.updated_at,
        }
        return Response(orjson.dumps(answer), media_type="application/json")

    async def forget(self, session_id: str) -> Response:
        """Forget a session."""
        await self._workflow.forget(session_id)
        return Response(status_code=204)

    async def health(self) -> Response:
        """Say that the process lives."""
        return Response(b'{"status":"alive"}', media_type="application/json")

    async def ready(self) -> Response:
        """Say whether a turn could be held and stored now."""
        if self._admission.draining:
            raise Problem(503, "the service shuts down", retry_after_s=1)
        try:
            await self._store.check(timeout_s=READY_S)
        except StoreError:
            raise Problem(503, "the session store cannot take a turn now", retry_after_s=1) from None
        return Response(b'{"status":"ready"}', media_type="application/json")

    async def metrics(self) -> Response:
        """Write the metrics."""
        return Response(self._metrics.render(), media_type=CONTENT_TYPE_LATEST)


def checked(model: type[Model], body: bytes) -> Model:
    """The body as the contract's model.

    Raises:
        Problem: 422, the body is not as the contract says.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from None


def idempotency_key(request: Request) -> str | None:
    """The key that was sent, opaque.

    Raises:
        Problem: 422, it is empty, too long, not printable ASCII, or there are several.
    """
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        return None
    key = sent[0]
    if len(sent) > 1 or not 0 < len(key) <= KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise invalid_field("Idempotency-Key", "malformed")
    return key


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """The documentation of a body that the handler reads itself."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}

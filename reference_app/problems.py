"""Refusals and failures as RFC 9457 `application/problem+json`, each with the request's id.

What the client sent is never quoted back: a refused field is named only where it is a field of the contract, with a
word for the reason out of pydantic's closed set.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_app.context import REQUEST
from reference_app.sessions.protocol import (
    IdempotencyConflict,
    SequenceConflict,
    StoreError,
    StoreQueueFull,
    UnknownSession,
)

MEDIA_TYPE = "application/problem+json"
_FIELDS = frozenset({"message", "session_id", "workflow_type", "context", "Idempotency-Key"})


class Problem(Exception):
    """A refusal with its status; `detail` is written by us and quotes nothing."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))

    def body(self) -> bytes:
        """The problem's own JSON, with the id of the request in hand."""
        context = REQUEST.get()
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": context.request_id if context is not None else None,
        }
        if self.errors:
            body["errors"] = self.errors
        return orjson.dumps(body)

    def response(self) -> Response:
        """The answer that says it."""
        return Response(self.body(), status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE)


def invalid(error: ValidationError) -> Problem:
    """The problem of a body that is not as the contract says."""
    errors = [
        {"field": _known(entry["loc"]), "reason": entry["type"]}
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Problem(422, "the body is not as the contract says", errors=errors)


def invalid_field(field: str, reason: str) -> Problem:
    """The problem of one field."""
    return Problem(
        422, "the request is not as the contract says", errors=[{"field": field, "reason": reason}]
    )


def install(app: FastAPI) -> None:
    """Have every refusal and failure of the app answered as a problem."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(StoreError, _answer_store)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _answer_store(_: Request, error: Exception) -> Response:
    return of_store(error).response()


def of_store(error: Exception) -> Problem:
    """What the client is told of a store that refuses; a full queue is load that is shed, not a failure."""
    if isinstance(error, UnknownSession):
        return Problem(404, "there is no such session")
    if isinstance(error, SequenceConflict | IdempotencyConflict):
        return Problem(409, "another turn of this session came in between", retry_after_s=1)
    if isinstance(error, StoreQueueFull):
        return overloaded("too many turns wait to be stored")
    return Problem(503, "the session store cannot take the turn now", retry_after_s=1)


def overloaded(detail: str) -> Problem:
    """A refusal of load; the outcome record says so."""
    context = REQUEST.get()
    if context is not None:
        context.shed = True
    return Problem(503, detail, retry_after_s=1)


async def _answer_http(_: Request, error: Exception) -> Response:
    """What the router refuses: no such route, no such method; its own words are the phrase of the status."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, phrase, headers=error.headers).response()


async def _answer_unexpected(_: Request, error: Exception) -> Response:  # noqa: ARG001  # the framework's signature
    """A bug: the outermost wrapper logs it, the client learns nothing of it."""
    return unexpected().response()


def unexpected() -> Problem:
    """The problem of a failure that nobody foresaw."""
    return Problem(500, "the service failed; the failure is logged under this request id")


def _known(location: tuple[int | str, ...]) -> str:
    """The field of the contract that a location lies in; a name that the client invented is not repeated."""
    first = location[0] if location else "body"
    return str(first) if first in _FIELDS else "body"

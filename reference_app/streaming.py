"""A turn answered as server-sent events: `chunk` for each piece of the reply, then exactly one of `done` and `error`.

`done` has the fields of the 200 and leaves after the commit, `error` the problem. Until the first event nothing is
decided: what fails before it is answered with its status, as it would be without a stream.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reference_app.context import current
from reference_app.events import MEDIA_TYPE
from reference_app.outlet import Outlet, Unread
from reference_app.problems import Problem, of_store, overloaded, unexpected
from reference_app.sessions.protocol import StoreError

_NOT_AT_ALL = re.compile(r"q=0(\.0*)?")


def wants_events(request: Request) -> bool:
    """True where `Accept` names the media type of events, and does not rule it out by a weight of 0 (RFC 9110, 12.5.1)."""
    for accepted in request.headers.getlist("accept"):
        for entry in accepted.lower().split(","):
            kind, *parameters = map(str.strip, entry.split(";"))
            if kind == MEDIA_TYPE:
                return not any(map(_NOT_AT_ALL.fullmatch, parameters))
    return False


class EventStream(Response):
    """The answer to one turn, held by `hold` (which gives the body of the 200) while the answer goes out."""

    def __init__(self, hold: Callable[[], Awaitable[bytes]]) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's signature
        """Hold the turn, and answer."""
        context = current()
        outlet = context.outlet = Outlet(send, self.raw_headers, context.left_s)
        try:
            await self._answer(outlet)
        except Unread:
            return  # and the server cuts the connection, for the answer has no end
        finally:
            await outlet.close()

    async def _answer(self, outlet: Outlet) -> None:
        try:
            answer = await self._hold()
        except Unread:
            raise
        except BaseException as error:
            if not outlet.shown:
                raise
            problem = _problem_of(error)
            with suppress(Unread):
                await outlet.end("error", (problem or unexpected()).body())
            if problem is None or isinstance(error, asyncio.CancelledError):
                raise
            return
        if not outlet.shown:
            outlet.show(orjson.loads(answer)["response"])
        await outlet.end("done", answer)


def _problem_of(error: BaseException) -> Problem | None:
    """What the client is told of a failure that is foreseen; None for a bug, or the end of the process."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreError):
        return of_store(error)
    if isinstance(error, asyncio.CancelledError):
        return overloaded("the service shuts down")
    return None

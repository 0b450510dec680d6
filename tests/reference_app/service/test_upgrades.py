"""WebSockets, which no route takes: an upgrade is refused in the wrapper, and recorded like any request."""

import json
from typing import Any

from starlette.types import Receive, Scope, Send


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the app is not asked")


def upgrade(request: Any, **more: Any) -> dict[str, Any]:
    """The scope of a WebSocket's handshake."""
    scope = {**request.scope, "type": "websocket", "scheme": "ws", "subprotocols": [], **more}
    del scope["method"]
    return scope


async def test_an_upgrade_is_refused_by_a_problem(wrap: Any, wire: Any) -> None:
    """Where the server can send an answer to an upgrade it is a problem 404, recorded; the app is not asked."""
    wrapped = wrap(never)
    request = wire(headers=((b"x-request-id", b"mine"),))
    scope = upgrade(request, extensions={"websocket.http.response": {}})
    await wrapped.app(scope, request.receive, request.send)
    start, body = request.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)
    assert (b"x-request-id", b"mine") in start["headers"]
    assert json.loads(body["body"])["request_id"] == "mine"
    assert wrapped.ending == (404, False, True, "client_error")


async def test_an_upgrade_that_cannot_be_answered_is_closed(wrap: Any, wire: Any) -> None:
    """Where the server knows the close only, the record has the 403 that it makes of it."""
    wrapped = wrap(never)
    request = wire()
    await wrapped.app(upgrade(request), request.receive, request.send)
    assert [message["type"] for message in request.sent] == ["websocket.close"]
    assert wrapped.ending == (403, False, True, "client_error")


async def test_an_upgrade_whose_client_has_left_is_a_499(wrap: Any, wire: Any) -> None:
    """A server says by an OSError that nobody is there: this is no bug of the app."""

    async def gone(message: Any) -> None:
        raise BrokenPipeError

    wrapped = wrap(never)
    request = wire()
    await wrapped.app(upgrade(request), request.receive, gone)
    assert wrapped.ending == (499, False, False, "client_disconnect")
    assert wrapped.records("unhandled_exception") == []

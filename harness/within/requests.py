"""The gate that every HTTP request of the app goes through, so that a fault may stand around it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from harness.inside import App, Message, Receive, RequestRule, Send


class RequestGate:
    """An ASGI wrapper whose rules stand around the HTTP requests that arrive from now on, the last one outermost.

    A rule may be put and taken in any thread; a request that is under way keeps those that it began with. Without a
    rule, and for the lifespan, the app is called as it is.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._rules: Mapping[object, RequestRule] = MappingProxyType({})

    @contextmanager
    def around(self, rule: RequestRule) -> Iterator[None]:
        """Put a rule around every request, until the block ends."""
        key = object()
        with self._lock:
            self._rules = {**self._rules, key: rule}
        try:
            yield
        finally:
            with self._lock:
                self._rules = {held: other for held, other in self._rules.items() if held is not key}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve: an HTTP request through the rules, everything else as it is."""
        app = self._app
        if scope["type"] == "http":
            for rule in self._rules.values():
                app = _under(rule, app)
        await app(scope, receive, send)


def _under(rule: RequestRule, app: App) -> App:
    """The app with one rule around it."""

    async def ruled(scope: Message, receive: Receive, send: Send) -> None:
        await rule(scope, receive, send, app)

    return ruled

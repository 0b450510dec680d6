"""The gate that every HTTP request of the app goes through, so that a fault may stand around it."""

from contextlib import AbstractContextManager

from harness.inside import App, Message, Receive, RequestRule, Send
from harness.within.stacked import Stacked


class RequestGate:
    """An ASGI wrapper whose rules stand around the HTTP requests that arrive from now on, the last one outermost.

    A rule may be put and taken in any thread; a request that is under way keeps those that it began with. Without a
    rule, and for the lifespan, the app is called as it is.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._rules: Stacked[RequestRule] = Stacked()

    def around(self, rule: RequestRule) -> AbstractContextManager[None]:
        """Put a rule around every request, until the block ends."""
        return self._rules.holding(rule)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve: an HTTP request through the rules, everything else as it is."""
        app = self._app
        if scope["type"] == "http":
            for rule in self._rules.now:
                app = _under(rule, app)
        await app(scope, receive, send)


def _under(rule: RequestRule, app: App) -> App:
    """The app with one rule around it."""

    async def ruled(scope: Message, receive: Receive, send: Send) -> None:
        await rule(scope, receive, send, app)

    return ruled

"""The gate of the requests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.within.requests import RequestGate


class App:
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []
        self.noted: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((scope, receive, send))
        self.noted.append("app")


@pytest.fixture
def app() -> App:
    return App()


async def receive() -> Any:
    """What nobody calls."""
    raise AssertionError


async def send(_message: Any) -> None:
    """What nobody calls."""
    raise AssertionError


def noting(app: App, name: str) -> Callable[..., Awaitable[None]]:
    """A rule that notes its name on the way in."""

    async def rule(scope: Any, receive: Any, send: Any, inner: Any) -> None:
        app.noted.append(name)
        await inner(scope, receive, send)

    return rule


async def test_without_a_rule_the_app_gets_the_very_same_objects(app: App) -> None:
    """Scope, receive and send are passed by identity, and so are those of a lifespan under a rule."""
    gate = RequestGate(app)
    request, lifespan = {"type": "http"}, {"type": "lifespan"}
    await gate(request, receive, send)
    with gate.around(noting(app, "rule")):
        await gate(lifespan, receive, send)
    await gate(request, receive, send)
    assert app.noted == ["app", "app", "app"]
    for call, scope in zip(app.calls, (request, lifespan, request), strict=True):
        assert all(one is other for one, other in zip(call, (scope, receive, send), strict=True))


async def test_the_last_rule_is_outermost(app: App) -> None:
    """Rules are met from the last to the first, then the app."""
    gate = RequestGate(app)
    with gate.around(noting(app, "first")), gate.around(noting(app, "last")):
        await gate({"type": "http"}, receive, send)
    assert app.noted == ["last", "first", "app"]


@pytest.mark.parametrize("first", [0, 1])
async def test_rules_go_in_any_order_even_one_put_twice(app: App, first: int) -> None:
    """One rule put twice is there twice; whichever goes first, one stays, and after both the app is bare."""
    gate, rule = RequestGate(app), noting(app, "rule")
    both = [gate.around(rule), gate.around(rule)]
    for one in both:
        one.__enter__()
    await gate({"type": "http"}, receive, send)
    both[first].__exit__(None, None, None)
    await gate({"type": "http"}, receive, send)
    both[1 - first].__exit__(None, None, None)
    await gate({"type": "http"}, receive, send)
    assert app.noted == ["rule", "rule", "app", "rule", "app", "app"]
    assert app.calls[-1][1] is receive


async def test_a_request_keeps_the_rules_that_it_began_with(app: App) -> None:
    """A rule that is taken while a request waits within it still sees the request's end."""
    gate, inside, on = RequestGate(app), asyncio.Event(), asyncio.Event()

    async def rule(scope: Any, receive: Any, send: Any, inner: Any) -> None:
        inside.set()
        await on.wait()
        await inner(scope, receive, send)
        app.noted.append("rule")

    with gate.around(rule):
        request = asyncio.ensure_future(gate({"type": "http"}, receive, send))
        await inside.wait()
    on.set()
    await request
    assert app.noted == ["app", "rule"]

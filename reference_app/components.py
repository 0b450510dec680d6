"""The parts of the app, and the one place that says how each is made.

A factory is a function of `Parts`, which makes each part when it is first asked for; so the order of dependency needs
no list. To put back a historical mistake is `dataclasses.replace` of one factory; the good code has no branch for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import httpx
from starlette.types import ASGIApp

from reference_app import problems
from reference_app.admission import Admission, draining_from_signal
from reference_app.breaker import BreakerState, CircuitBreaker
from reference_app.bridge import Bridge
from reference_app.classifier import IntentClassifier
from reference_app.hooks import DEFAULT_HOOKS, Hook
from reference_app.observability import Metrics, Observability
from reference_app.order import Claims, SessionOrder
from reference_app.outcome import Outcome
from reference_app.provider import ProviderClient
from reference_app.routes import Application, Routes
from reference_app.security import Guard
from reference_app.server_log import tamed
from reference_app.sessions.protocol import SessionStore
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings
from reference_app.workflow import Workflow


class Parts:
    """The parts of one app, each made once."""

    def __init__(self, components: "Components") -> None:
        self.components = components
        self.settings = components.settings

    @cached_property
    def observability(self) -> Observability:
        """Loggers and metrics."""
        return self.components.observability(self)

    @property
    def metrics(self) -> Metrics:
        """The metrics."""
        return self.observability.metrics

    @cached_property
    def bridge(self) -> Bridge:
        """The way from sync code into async code."""
        return self.components.bridge(self)

    @cached_property
    def client(self) -> ProviderClient | None:
        """The client of the provider, or None where none is configured."""
        return self.components.client(self)

    @cached_property
    def breaker(self) -> CircuitBreaker:
        """The circuit of the provider and its model."""
        return self.components.breaker(self)

    @cached_property
    def classifier(self) -> IntentClassifier:
        """The chain."""
        return self.components.classifier(self)

    @cached_property
    def store(self) -> SessionStore:
        """Where sessions are kept."""
        return self.components.store(self)

    @cached_property
    def hooks(self) -> tuple[Hook, ...]:
        """The registered plugins."""
        return self.components.hooks(self)

    @cached_property
    def order(self) -> SessionOrder:
        """The lines of the sessions."""
        return self.components.order(self)

    @cached_property
    def claims(self) -> Claims:
        """The idempotency keys in flight."""
        return self.components.claims(self)

    @cached_property
    def workflow(self) -> Workflow:
        """What holds the turns."""
        return self.components.workflow(self)

    @cached_property
    def admission(self) -> Admission:
        """What counts and refuses."""
        return self.components.admission(self)

    @cached_property
    def routes(self) -> Routes:
        """The handlers."""
        return self.components.routes(self)

    @cached_property
    def application(self) -> Application:
        """The framework's app, with the handlers in it."""
        application = Application(
            title="Reference service",
            version="1",
            lifespan=lambda _: self.components.lifespan(self),
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False, "metrics": False, "logs": False},
        )
        problems.install(application)
        self.routes.install(application)
        return application


def make_observability(parts: Parts) -> Observability:
    """Loggers and metrics, to where the settings say."""
    return Observability(parts.settings)


def make_bridge(parts: Parts) -> Bridge:
    """The bridge, with its warnings in the classifier's log."""
    return Bridge(log=parts.observability.logger("intent_classifier"))


def make_client(parts: Parts, *, kind: type[ProviderClient] = ProviderClient) -> ProviderClient | None:
    """The client, where a provider is configured."""
    if parts.settings.provider_url is None:
        return None
    return kind(parts.settings, transport=parts.components.transport)


def make_breaker(parts: Parts, *, kind: type[CircuitBreaker] = CircuitBreaker) -> CircuitBreaker:
    """The circuit, with its limits from the settings; the metric knows it from the start."""
    settings = parts.settings
    parts.metrics.breaker_changed(settings.provider_model, BreakerState.CLOSED)
    return kind(
        model=settings.provider_model,
        failures=settings.breaker_failures,
        open_s=settings.breaker_open_s,
        lease_s=settings.breaker_lease_s,
        changed=parts.metrics.breaker_changed,
    )


def make_classifier(parts: Parts, *, kind: type[IntentClassifier] = IntentClassifier) -> IntentClassifier:
    """The chain."""
    return kind(
        settings=parts.settings,
        client=parts.client,
        breaker=parts.breaker,
        bridge=parts.bridge,
        log=parts.observability.logger("intent_classifier"),
        metrics=parts.metrics,
    )


def make_workflow(parts: Parts, *, kind: type[Workflow] = Workflow) -> Workflow:
    """What holds the turns."""
    return kind(
        settings=parts.settings,
        classifier=parts.classifier,
        bridge=parts.bridge,
        store=parts.store,
        hooks=parts.hooks,
        order=parts.order,
        claims=parts.claims,
        logger=parts.observability.logger,
    )


def make_routes(parts: Parts, *, kind: type[Routes] = Routes) -> Routes:
    """The handlers of the contract."""
    return kind(
        workflow=parts.workflow,
        classifier=parts.classifier,
        store=parts.store,
        admission=parts.admission,
        metrics=parts.metrics,
    )


def make_guard(app: ASGIApp, parts: Parts) -> ASGIApp:
    """The guard around the routes; without a key there is nothing to guard."""
    return Guard(app, parts.settings) if parts.settings.api_keys else app


def make_outcome(app: ASGIApp, parts: Parts, *, kind: type[Outcome] = Outcome) -> ASGIApp:
    """The wrapper around everything."""
    return kind(
        app,
        settings=parts.settings,
        admission=parts.admission,
        log=parts.observability.logger("universal_framework.safe_mode"),
        metrics=parts.metrics,
        routes=parts.application.routes,
    )


@asynccontextmanager
async def make_lifespan(parts: Parts) -> AsyncIterator[None]:
    """Open what the app needs; at the end take no more, let the rest finish, and keep what was taken.

    Whatever fails on the way, what was opened before it is closed, the last first.
    """
    observability = parts.observability
    async with AsyncExitStack() as stack:
        stack.callback(observability.close)
        stack.enter_context(tamed(observability.standard_output))
        parts.bridge.adopt()
        stack.callback(parts.bridge.close)
        if parts.client is not None:
            stack.push_async_callback(parts.client.aclose)
        await parts.store.open()
        stack.push_async_callback(parts.store.close)
        await stack.enter_async_context(_ticking(observability))
        stack.push_async_callback(parts.admission.drain, timeout_s=parts.settings.deadline_s)
        stack.enter_context(draining_from_signal(parts.admission))
        yield


@asynccontextmanager
async def _ticking(observability: Observability) -> AsyncIterator[None]:
    ticker = asyncio.get_running_loop().create_task(observability.tick())
    try:
        yield
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker


@dataclass(frozen=True, kw_only=True)
class Components:
    """How each part of an app is made. `transport` is the wire to the provider, where it is not the network."""

    settings: Settings
    transport: httpx.AsyncBaseTransport | None = None
    observability: Callable[[Parts], Observability] = make_observability
    bridge: Callable[[Parts], Bridge] = make_bridge
    client: Callable[[Parts], ProviderClient | None] = make_client
    breaker: Callable[[Parts], CircuitBreaker] = make_breaker
    classifier: Callable[[Parts], IntentClassifier] = make_classifier
    store: Callable[[Parts], SessionStore] = lambda parts: SQLiteSessionStore(parts.settings)
    hooks: Callable[[Parts], tuple[Hook, ...]] = lambda _: DEFAULT_HOOKS
    order: Callable[[Parts], SessionOrder] = lambda parts: SessionOrder(parts.settings.session_waiters_max)
    claims: Callable[[Parts], Claims] = lambda _: Claims()
    workflow: Callable[[Parts], Workflow] = make_workflow
    admission: Callable[[Parts], Admission] = lambda parts: Admission(
        parts.settings.in_flight_max, parts.metrics
    )
    routes: Callable[[Parts], Routes] = make_routes
    guard: Callable[[ASGIApp, Parts], ASGIApp] = make_guard
    outcome: Callable[[ASGIApp, Parts], ASGIApp] = make_outcome
    lifespan: Callable[[Parts], AbstractAsyncContextManager[None]] = make_lifespan

"""Mistakes with what there is a fixed number of, or should be: connections, threads, locks; and a readiness that knows nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from anyio import from_thread
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from reference_app.components import Components, Parts, make_routes, make_workflow
from reference_app.context import RequestContext
from reference_app.defects.catalog import Defect
from reference_app.order import Place, SessionOrder
from reference_app.routes import Routes
from reference_app.sessions.protocol import StoreUnavailable
from reference_app.workflow import Asked, Workflow

ROUTE = "/workflow/execute"
POOL_S, QUEUE_S = 1.0, 5.0
"""How long somebody waits for a connection, in a coroutine and in a thread."""


class NoConnection(Exception):
    """All connections were in somebody's hands for too long."""


class SyncRoutes(Routes):
    """Holds turns in worker threads, as many libraries want it, each with a connection of its own all the while."""

    connections: threading.Semaphore

    def install(self, app: FastAPI) -> None:
        """Put the routes into the app, that of the turns as a plain function."""
        super().install(app)
        app.router.routes[:] = [one for one in app.router.routes if getattr(one, "path", None) != ROUTE]

        def connection() -> Iterator[None]:
            if not self.connections.acquire(timeout=QUEUE_S):
                raise StoreUnavailable("all connections were in use for too long")
            try:
                yield
            finally:
                self.connections.release()

        async def whole(request: Request) -> Request:
            await request.body()
            return request

        def execute(
            request: Annotated[Request, Depends(whole)],
            _: Annotated[None, Depends(connection)],
        ) -> Response:
            return from_thread.run(self.execute, request)

        app.post(ROUTE)(execute)


class HoldingWorkflow(Workflow):
    """Takes a connection when the turn begins and gives it back when that is over: also while the model thinks."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._connections = asyncio.Semaphore(self._settings.store_readers)

    async def turn(self, asked: Asked, context: RequestContext) -> bytes:
        """Hold the turn on a connection."""
        async with self._connection():
            return await super().turn(asked, context)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(POOL_S):
                await self._connections.acquire()
        except TimeoutError:
            raise NoConnection("the limit of the pool is reached") from None
        try:
            yield
        finally:
            self._connections.release()


class KeepingOrder(SessionOrder):
    """Has a lock for each session, so that it is there when the session goes on."""

    def __init__(self, waiters_max: int) -> None:
        super().__init__(waiters_max)
        self._kept: dict[tuple[str, str | None], Place] = {}

    async def enter(self, session: str, owner: str | None, context: RequestContext) -> Place:
        """Wait for the turn."""
        place = await super().enter(session, owner, context)
        self._kept[session, owner] = place
        return place


class ReadyRoutes(Routes):
    """Is ready when it can say so."""

    async def ready(self) -> Response:
        """Say that the service is ready."""
        return Response(b'{"status":"ready"}', media_type="application/json")


def _sync_routes(parts: Parts) -> Routes:
    routes = make_routes(parts, kind=SyncRoutes)
    assert isinstance(routes, SyncRoutes)
    routes.connections = threading.Semaphore(parts.settings.store_readers)
    return routes


def _sync(components: Components) -> Components:
    return replace(components, routes=_sync_routes)


def _holding(components: Components) -> Components:
    return replace(components, workflow=partial(make_workflow, kind=HoldingWorkflow))


def _keeping(components: Components) -> Components:
    return replace(components, order=lambda parts: KeepingOrder(parts.settings.session_waiters_max))


def _ready(components: Components) -> Components:
    return replace(components, routes=partial(make_routes, kind=ReadyRoutes))


DEFECTS = (
    Defect(
        name="sync_route_pool_deadlock",
        incident_class="C07",
        sources=("fastapi/fastapi#3205", "uhh-lt/dats#217", "DataJunction/dj#942"),
        summary="all worker threads wait for a connection, and whoever has one waits for a worker thread",
        reasons=("outcome.answered_within_deadline", "outcome.served"),
        apply=_sync,
    ),
    Defect(
        name="connection_held_while_waiting",
        incident_class="C14",
        sources=("Chainlit/chainlit#2111",),
        summary="a connection is checked out for the whole of a turn: five slow answers of the model, and the pool is empty",
        reasons=("outcome.status_in_contract", "outcome.served"),
        apply=_holding,
    ),
    Defect(
        name="session_locks_never_freed",
        incident_class="C15",
        sources=("Chainlit/chainlit#2959",),
        summary="the lock of each session is kept for ever",
        reasons=("liveness.no_growth",),
        apply=_keeping,
    ),
    Defect(
        name="shallow_readiness",
        incident_class="C25",
        sources=("vllm-project/vllm#39863",),
        summary="the readiness is a constant: it says nothing of whether a turn could be stored",
        reasons=("store.readiness_follows", "process.worker_dead.readiness_tells"),
        apply=_ready,
    ),
)

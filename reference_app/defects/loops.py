"""Mistakes about which loop a thing belongs to, and about what may be done on its thread."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

import httpx
from starlette.types import Message, Receive, Scope, Send

from reference_app.bridge import Bridge, CancelToken
from reference_app.components import Components, Parts, make_client, make_outcome
from reference_app.context import REQUEST, RequestContext
from reference_app.defects.catalog import Defect
from reference_app.outcome import Exchange, Outcome
from reference_app.provider import Channel, ProviderClient
from reference_app.sessions.protocol import Append
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

T = TypeVar("T")

REQUEST_ID = b"x-request-id"

WRITING = asyncio.Lock()
"""One turn is written at a time; it belongs to the loop on which somebody first had to wait for it."""


class ThreadsafeBridge(Bridge):
    """Hands every coroutine to the server's loop and waits for its result, also where that loop is waiting for this."""

    def adopt(self) -> None:
        """Remember the loop that the server runs on."""
        super().adopt()
        self._serving = asyncio.get_running_loop()

    def run(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float | None = None,  # noqa: ARG002  # the mistake: the wait has no end
        cancel: CancelToken | None = None,  # noqa: ARG002  # the same
        copy_context_back: bool = False,  # noqa: ARG002  # the same
        when_on_loop: Literal["refuse", "block"] = "refuse",  # noqa: ARG002  # nobody looks which thread this is
    ) -> T:
        """Right in a worker thread; on the loop's own one nothing is left that could bring the result."""

        async def called() -> T:
            return await function(*args)

        return asyncio.run_coroutine_threadsafe(called(), self._serving).result()

    async def portal(self, function: Callable[..., T], *args: Any) -> T:
        """Call it here: what it calls in turn is the bridge's business."""
        return function(*args)


class LockedStore(SQLiteSessionStore):
    """Writes one turn at a time, under a lock that was made when the module was imported."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Store a turn, when the one before is stored."""
        async with WRITING:
            await super().append(append, timeout_s=timeout_s)


class SharedClient(ProviderClient):
    """One pool of connections for every loop: what was opened on a loop that is gone is used again on the next."""

    async def channel(self) -> Channel:
        """The first channel that was ever made, over the client that everybody has."""
        if not self._channels:
            transport = self._transport or httpx.AsyncHTTPTransport()
            slots = asyncio.Semaphore(self._settings.provider_connections_max)
            self._channels[asyncio.get_running_loop()] = Channel(transport, slots)
        return next(iter(self._channels.values()))

    async def aclose(self) -> None:
        """Leave the connections to the end of the process: the loops that they belong to are gone."""


class SleepyClient(ProviderClient):
    """Waits between attempts as code does that was written for threads."""

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(settings, transport=transport, sleep=self._backoff)

    async def _backoff(self, seconds: float) -> None:
        """Wait, and let everybody wait."""
        time.sleep(seconds)  # noqa: ASYNC251  # the mistake


class GlobalIdOutcome(Outcome):
    """Leaves the request where all of the process finds it, as one does who knows threads only."""

    latest: RequestContext | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and give its answer the id of the one that is found there."""

        async def named(message: Message) -> None:
            if message["type"].endswith("http.response.start") and self.latest is not None:
                others = [(name, value) for name, value in message["headers"] if name != REQUEST_ID]
                message["headers"] = [*others, (REQUEST_ID, self.latest.request_id.encode("ascii"))]
            await send(message)

        await super().__call__(scope, receive, named)

    async def _run(self, exchange: Exchange) -> None:
        self.latest = exchange.context
        await super()._run(exchange)

    def record(self, exchange: Exchange) -> None:
        """Write the completion record under the id of the one that is found there."""
        token = REQUEST.set(self.latest)
        super().record(exchange)
        REQUEST.reset(token)


def _threadsafe(components: Components) -> Components:
    def bridge(parts: Parts) -> Bridge:
        return ThreadsafeBridge(log=parts.observability.logger("intent_classifier"))

    return replace(components, bridge=bridge)


def _locked(components: Components) -> Components:
    return replace(components, store=lambda parts: LockedStore(parts.settings))


def _shared(components: Components) -> Components:
    return replace(components, client=partial(make_client, kind=SharedClient))


def _global_id(components: Components) -> Components:
    return replace(components, outcome=partial(make_outcome, kind=GlobalIdOutcome))


def _sleepy(components: Components) -> Components:
    return replace(components, client=partial(make_client, kind=SleepyClient))


DEFECTS = (
    Defect(
        name="threadsafe_result_on_own_loop",
        incident_class="C02",
        sources=("langchain-ai/langgraph#7857",),
        summary="sync code on the loop's own thread hands a coroutine to that loop and waits for it: nothing goes on, nothing is logged",
        reasons=(
            "liveness.no_deadlock",
            "liveness.loop_responsive",
            "outcome.answered_within_deadline",
        ),
        apply=_threadsafe,
    ),
    Defect(
        name="import_time_lock",
        incident_class="C03",
        sources=("sanic-org/sanic#1388", "topoteretes/cognee#2938"),
        summary="the store writes under a lock of the module, which belongs to the loop that first had to wait for it",
        reasons=("outcome.expected_status", "logs.no_forbidden_text"),
        apply=_locked,
    ),
    Defect(
        name="client_shared_across_loops",
        incident_class="C04",
        sources=("encode/httpx#2473", "openai/openai-python#1254"),
        summary="one client for every loop: connections that one loop opened are used again on another",
        reasons=("outcome.status_in_contract", "logs.no_forbidden_text", "loop.nothing_reported"),
        apply=_shared,
    ),
    Defect(
        name="request_id_global",
        incident_class="C05",
        sources=("dabapps/django-log-request-id#63", "fastapi/fastapi#4696"),
        summary="the request id lies where all requests share it: completion records and answers name whoever began last",
        reasons=("logs.agree_with_wire", "outcome.request_id_returned"),
        apply=_global_id,
    ),
    Defect(
        name="blocking_backoff",
        incident_class="C06",
        sources=("aden-hive/hive#4854",),
        summary="between two attempts the client sleeps on the loop's own thread, and every other request with it",
        reasons=("liveness.loop_responsive", "outcome.answered_within_deadline"),
        apply=_sleepy,
    ),
)

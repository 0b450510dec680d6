"""Mistakes about requests that nobody waits for any more: their work goes on, or what they held is not given back."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from reference_app.components import Components, make_outcome
from reference_app.defects.catalog import Defect
from reference_app.outcome import Exchange, NoResponse, Outcome
from reference_app.problems import overloaded
from reference_app.security import OPEN_PATHS


class DeafOutcome(Outcome):
    """Runs the app to its end, and does not ask whether the client is still there."""

    async def _work(self, exchange: Exchange, serving: "asyncio.Task[Any]") -> None:  # noqa: ARG002  # the mistake
        """Read the body, then run the app on it; nobody watches for the client's leaving."""
        if (refusal := await self._read(exchange)) is not None:
            await exchange.answer(refusal)
            return
        if exchange.left:
            return
        await self._app(exchange.scope, exchange.receive, exchange.send)
        if exchange.open:
            raise NoResponse("the app returned without an answer")


class LeakyOutcome(Outcome):
    """Gives a place back after an answer and after an error, and takes it that there is no third way to end."""

    async def _serve(self, exchange: Exchange, serving: "asyncio.Task[Any]") -> None:
        """Let the request in, if there is room."""
        if exchange.scope["type"] == "websocket":
            await self._refuse(exchange)
        elif exchange.scope["path"] in OPEN_PATHS:
            await self._work(exchange, serving)
        elif self._admission.enter():
            try:
                await self._work(exchange, serving)
            except Exception:
                self._admission.leave()
                raise
            self._admission.leave()
        else:
            await exchange.answer(overloaded("the service is at its limit, or shuts down"))


def _deaf(components: Components) -> Components:
    return replace(components, outcome=partial(make_outcome, kind=DeafOutcome))


def _leaky(components: Components) -> Components:
    return replace(components, outcome=partial(make_outcome, kind=LeakyOutcome))


DEFECTS = (
    Defect(
        name="disconnect_ignored",
        incident_class="C09",
        sources=("BerriAI/litellm#3341",),
        summary="nobody watches for a client that leaves: the provider is asked, and paid, to the end for nobody",
        reasons=("liveness.provider_call_released", "logs.agree_with_wire"),
        apply=_deaf,
    ),
    Defect(
        name="slot_leak_on_cancel",
        incident_class="C09",
        sources=("BerriAI/litellm#20256", "BerriAI/litellm#27955"),
        summary="a place is given back under `except Exception`, which a cancellation passes by: in the end there is none left",
        reasons=("liveness.gauge_at_rest", "liveness.recovers"),
        apply=_leaky,
    ),
)

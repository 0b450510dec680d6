"""The app as a rehearsal needs it: with historical mistakes put back by name, and with its provider's wire handed in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
from starlette.types import ASGIApp

from reference_app.app import build
from reference_app.classifier import IntentClassifier
from reference_app.components import Components, Parts
from reference_app.contract import Classification
from reference_app.defects import DEFECTS
from reference_app.defects.catalog import Defect
from reference_app.settings import Settings

NOWHERE = "http://provider.invalid/v1"
"""The provider's address where its wire is handed in and none is configured: a name that can never resolve."""

_RUNNING: list[IntentClassifier] = []
"""Those of the apps that were built here and are between their start-up and their shut-down, the first one first."""


class NotRunning(RuntimeError):
    """There is no app in this process whose facade could be called."""


def create(*, defects: Sequence[str] = (), transport: httpx.AsyncBaseTransport | None = None) -> ASGIApp:
    """Build the app from the environment, with the named defects in the order given.

    Raises:
        ValueError: a name is no defect; the message lists those that there are.
    """
    settings = Settings()
    if transport is not None and settings.provider_url is None:
        settings = settings.model_copy(update={"provider_url": NOWHERE})
    return build(_known(with_defects(Components(settings=settings, transport=transport), defects, DEFECTS)))


def classify(message: str) -> Classification:
    """Classify by the synchronous facade of the app that runs in this process, from whatever thread.

    Raises:
        NotRunning: none does.
        BridgeError: it cannot be called from here.
    """
    if not _RUNNING:
        raise NotRunning("no app runs in this process")
    return _RUNNING[0].classify_intent_with_state(message, None)


def _known(components: Components) -> Components:
    """The components of an app that `classify` finds as long as it runs."""

    @asynccontextmanager
    async def lifespan(parts: Parts) -> AsyncIterator[None]:
        async with components.lifespan(parts):
            _RUNNING.append(parts.classifier)
            try:
                yield
            finally:
                _RUNNING.remove(parts.classifier)

    return replace(components, lifespan=lifespan)


def with_defects(components: Components, names: Sequence[str], catalogue: Mapping[str, Defect]) -> Components:
    """The components with the named defects of the catalogue put in.

    Raises:
        ValueError: a name is not in the catalogue.
    """
    for name in names:
        if name not in catalogue:
            there = ", ".join(sorted(catalogue)) or "none"
            raise ValueError(f"there is no defect {name!r}; there are: {there}")
        components = catalogue[name].apply(components)
    return components

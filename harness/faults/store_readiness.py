"""The readiness of a target, asked for while its store is away and when that is back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from harness.rig import Client, Clock, Incoming, Outgoing

REQUEST_ID = "x-request-id"
FLIPS_S = 0.5
"""So long after a turn that was not held its readiness may tell of it: few services look before each answer."""

ASKED_MAX = 10
"""How often a target is asked at most whether it is ready again."""


class Readiness:
    """Asks for it at `path`, in the name of turns; what is answered is on record as a request beside them."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._ask: Callable[[], Awaitable[Incoming]] | None = None

    async def after(self, outgoing: Outgoing, client: Client) -> Incoming:
        """Send a turn; where it is not held, ask."""
        incoming = await client.send(outgoing)
        if incoming.status is None or incoming.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            await self._clock.sleep(FLIPS_S)
            headers = {REQUEST_ID: outgoing.headers[REQUEST_ID]}
            asking = replace(outgoing, method="GET", path=self._path, headers=headers, body=b"")
            self._ask = partial(
                client.beside, asking, expected=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE)
            )
            await self._ask()
        return incoming

    async def again(self) -> None:
        """Ask until it is ready, where it was asked before; who never is has been asked often enough."""
        if self._ask is None:
            return
        for _ in range(ASKED_MAX):
            if (await self._ask()).status == HTTPStatus.OK:
                break
            await self._clock.sleep(FLIPS_S)

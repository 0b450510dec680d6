"""How an app and its provider are served: on which ports, what is kept, and which calls wait for each other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

GATHERING_S_MAX = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the app is served: on which port (0 takes a free one), and whether uvicorn writes access lines.

    `calls_kept` bounds how many provider calls are remembered in full; None remembers all. Without `own_log` the
    app writes to this process's own output, in the format of the caller's environment. `thinks` is awaited before each
    honest answer of the provider.
    """

    port: int = 0
    provider_port: int = 0
    access_log: bool = True
    calls_kept: int | None = None
    own_log: bool = True
    thinks: Callable[[], Awaitable[None]] | None = None


ORDINARY = Serving()


class Gathering:
    """The calls of a warm-up, which wait for each other: each is answered when all are there, or a moment after the first.

    A service whose provider answers at once never has as many requests in flight as it is sent, and its pools never grow
    to what they may be: what is in them after a slow provider would look as if it had been left there.
    """

    def __init__(self) -> None:
        self._missing = 0
        self._over = asyncio.Event()
        self._over.set()
        self._turnstile = asyncio.Lock()

    @contextmanager
    def of(self, count: int) -> Iterator[None]:
        """Within the block the next `count` calls wait for each other, and behind it none."""
        self._missing, self._over = count, asyncio.Event()
        try:
            yield
        finally:
            self._over.set()

    async def joined(self) -> None:
        """Wait for the others; for nobody once they have been there."""
        if (over := self._over).is_set():
            return
        self._missing -= 1
        if self._missing <= 0:
            over.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHERING_S_MAX):
                await over.wait()
        over.set()
        # Many that go on at one instant would hold the loop up for all that time, and make the harness late itself.
        async with self._turnstile:
            await asyncio.sleep(0)

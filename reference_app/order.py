"""What may not happen twice at once: two turns of one session, and two requests under one idempotency key."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from reference_app.context import RequestContext
from reference_app.problems import Problem
from reference_app.sessions.protocol import Claim


class Place:
    """The line of one session. It lives as long as somebody holds it or waits, for both keep a reference to it."""

    __slots__ = ("__weakref__", "lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0

    def leave(self) -> None:
        """Let the next one in."""
        self.lock.release()


class SessionOrder:
    """Lets one turn of a session in at a time, in the order of arrival; at most `waiters_max` wait."""

    def __init__(self, waiters_max: int) -> None:
        self._waiters_max = waiters_max
        self._places: WeakValueDictionary[tuple[str, str | None], Place] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many sessions are held or waited for."""
        return len(self._places)

    async def enter(self, session: str, owner: str | None, context: RequestContext) -> Place:
        """Wait for the turn, at most until the deadline; the place must be left. Each owner has a line of their own.

        Raises:
            Problem: 409, too many wait, or the deadline passed while waiting.
        """
        place = self._places.get((session, owner))
        if place is None:
            place = self._places[session, owner] = Place()
        # One may hold the lock, and the others wait; a lock that was let go may already be promised to one of them.
        if place.waiting + place.lock.locked() > self._waiters_max:
            raise Problem(409, "too many turns of this session wait already", retry_after_s=1)
        place.waiting += 1
        try:
            async with asyncio.timeout(context.left_s()):
                await place.lock.acquire()
        except TimeoutError:
            raise Problem(409, "an earlier turn of this session takes too long", retry_after_s=1) from None
        finally:
            place.waiting -= 1
        return place


class Claims:
    """The idempotency keys whose requests are being served."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def held(self, claim: Claim | None) -> Iterator[None]:
        """Hold a key while its request is served.

        Raises:
            Problem: 409, another request holds it.
        """
        if claim is None:
            yield
            return
        name = (claim.scope, claim.key)
        if name in self._held:
            raise Problem(409, "a request with this idempotency key is being served", retry_after_s=1)
        self._held.add(name)
        try:
            yield
        finally:
            self._held.discard(name)

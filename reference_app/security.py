"""Who may come in, how often, and how sessions are named.

A session id is a credential: 256 random bits, stored and logged only as a hash. API keys are compared as hashes.
"""

import hashlib
import hmac
import itertools
import re
import secrets
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from reference_app.context import current
from reference_app.problems import Problem
from reference_app.settings import Settings

OPEN_PATHS: Final = frozenset({"/health", "/ready", "/metrics"})
"""Answered without a key and never shed: who watches the service must always be able to."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def new_session_id() -> str:
    """A session id that nobody guesses: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


class RequestIds:
    """Ids for requests that brought none: unique, not secret, so one draw of randomness serves a whole process."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def new(self) -> str:
        """The next id."""
        return f"{self._prefix}-{next(self._numbers):08x}"


def sane_request_id(sent: list[bytes]) -> str | None:
    """The id that the client sent, if it sent one and it is a plain token."""
    return sent[0].decode("ascii") if len(sent) == 1 and _REQUEST_ID.fullmatch(sent[0]) else None


def digest(text: str) -> str:
    """The hash under which a credential is stored."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def short(hashed: str) -> str:
    """As much of a hash as a log may carry."""
    return hashed[:12]


def sealed(secret: str, *, key: str, scope: str) -> str:
    """The secret (at most 64 characters of ASCII) unreadable to who has not the key; sealing it again opens it.

    One pad covers one secret: in a scope a key is bound to one answer.
    """
    pad = hmac.digest(key.encode("latin-1"), scope.encode(), "sha512")
    return bytes(a ^ b for a, b in zip(secret.encode("latin-1"), pad, strict=False)).decode("latin-1")


class Quota:
    """Requests a minute for each principal: a bucket that holds a minute's worth and refills evenly."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, principal: str) -> float:
        """Take one and return 0, or, where none is left, the seconds until there is one."""
        now = self._clock()
        left, at = self._buckets.get(principal, (float(self._per_minute), now))
        rate = self._per_minute / 60
        left = min(float(self._per_minute), left + (now - at) * rate)
        if left < 1:
            self._buckets[principal] = (left, now)
            return (1 - left) / rate
        self._buckets[principal] = (left - 1, now)
        return 0.0


class Guard:
    """Lets in who shows one of the configured keys, up to the quota of that key.

    With no key configured everybody is let in, and there is no quota: a quota belongs to a key. A key that is
    empty is refused with a ValueError, for everybody could show it.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        if not all(key.get_secret_value().strip() for key in settings.api_keys):
            raise ValueError("an API key must not be empty: mend APP_API_KEYS")
        self._keys = tuple(digest(key.get_secret_value()) for key in settings.api_keys)
        self._quota = Quota(settings.quota_per_minute) if settings.quota_per_minute is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, or answer 401 or 429."""
        if self._keys and scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        """Why the request is not let in; None notes who it is."""
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        principal = self._principal(sent[0]) if len(sent) == 1 else None
        if principal is None:
            return Problem(401, "an API key is needed", headers={"WWW-Authenticate": "Bearer"})
        current().principal = principal
        wait_s = self._quota.wait_s(principal) if self._quota is not None else 0.0
        if wait_s > 0:
            return Problem(429, "the quota of this key is used up", retry_after_s=wait_s)
        return None

    def _principal(self, authorization: bytes) -> str | None:
        """The hash of the key that was shown, if it is one of ours; every key is compared, to take equal time."""
        kind, _, key = authorization.decode("latin-1").partition(" ")
        shown = digest(key.strip())
        ours = [hmac.compare_digest(shown, known) for known in self._keys]
        return shown if kind.lower() == "bearer" and any(ours) else None

"""What every part may know of the request in hand, carried by one context variable."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from reference_app.outlet import Outlet


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """The request in hand: made by the outermost wrapper, read by everything inside.

    `deadline` is absolute, in seconds of `time.monotonic()`, the clock of the event loops. `session` is the
    short hash that may be logged. `degraded` and `fallbacks` are facts for the outcome record; nothing here
    can set `success`. `principal` is the hash of the API key that the caller showed, where keys are configured;
    `shed` says that a 503 was a refusal of load, not a failure. `outlet` is where a reply can be shown while it comes,
    where the client asked for that.
    """

    request_id: str
    deadline: float
    started: float = field(default_factory=time.monotonic)
    session: str | None = None
    degraded: bool = False
    replayed: bool = False
    fallbacks: tuple[str, ...] = ()
    principal: str | None = None
    shed: bool = False
    outlet: Outlet | None = None

    @property
    def shown(self) -> bool:
        """True once the client was given a part of the reply, which cannot be taken back."""
        return self.outlet is not None and self.outlet.shown

    def left_s(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self.deadline - time.monotonic()

    def elapsed_s(self) -> float:
        """Seconds since the request came in."""
        return time.monotonic() - self.started


REQUEST: ContextVar[RequestContext | None] = ContextVar("request", default=None)
"""The request in hand, or None outside of one (start-up, background work, a plain script)."""


def current() -> RequestContext:
    """The request in hand.

    Raises:
        LookupError: there is none: the caller runs outside of the outermost wrapper.
    """
    context = REQUEST.get()
    if context is None:
        raise LookupError("no request in hand: this is called inside the outermost wrapper only")
    return context

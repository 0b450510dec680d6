"""What every part may know of the request in hand, carried by one context variable."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """The request in hand: made by the outermost wrapper, read by everything inside.

    `deadline` is absolute, in seconds of `time.monotonic()`, the clock of the event loops. `session` is the
    short hash that may be logged. `degraded` and `fallbacks` are facts for the outcome record; nothing here
    can set `success`.
    """

    request_id: str
    deadline: float
    started: float = field(default_factory=time.monotonic)
    session: str | None = None
    route: str | None = None
    degraded: bool = False
    replayed: bool = False
    fallbacks: tuple[str, ...] = ()

    def left_s(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self.deadline - time.monotonic()


REQUEST: ContextVar[RequestContext | None] = ContextVar("request", default=None)
"""The request in hand, or None outside of one (start-up, background work, a plain script)."""

"""What the faults of the client's plane share: a rule around the sending of turns, and what may be answered to what."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import ClassVar

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.rig import Client, ClientSeam, Clock, Incoming, Outgoing, Rig, Window

ONCE = Window(first_n=1)
HELD = (200, 201, 202)
"""A turn was held."""

BUSY = (409, 429, 503, 504)
"""Not now: the session is in use, or the service is."""

REFUSED = (400, 413, 415, 422, 429, 431)
"""Not so: the request is at fault, or was too much."""

UNKNOWN = (400, 401, 403, 404, 409, 410, 422, 429)
"""Not with this: there is no such session for this client."""

FOREIGN = (*HELD, *UNKNOWN)
"""Of a service that promises nothing: it begins afresh, or knows of no such session."""

TAKEN = (*HELD, *REFUSED, 409, 502, 503, 504)
"""To too much for some: of a service that promises no limit, whatever is no bug."""

ODD_ID = 'a\tb" status=200 {"level": "error"} %s'
"""An id that a log could take for its own text."""

FILL = "abuse."
"""Of this a header is made that is too long."""

STAND_IN = "SHAKEOUTSTANDIN"
"""A message in whose place a fault puts bytes that no JSON library would write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFault:
    """A fault of the clients: what is sent beside, or instead of, a turn. `window` says when, and on which turns."""

    name: ClassVar[str]

    window: Window = ALWAYS

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:
        """Send the turn, and whatever else is to be sent."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""

        async def rule(outgoing: Outgoing, client: Client) -> Incoming:
            return await self._sent(outgoing, client, rig.clock)

        return clients(rig, self.name).wrapped(self.name, rule, self.window)


def long_header(size_bytes: int) -> str:
    """What a header of so many bytes says."""
    return (FILL * (size_bytes // len(FILL) + 1))[:size_bytes]


def clients(rig: Rig, name: str) -> ClientSeam:
    """The clients of the rig, for the fault `name`.

    Raises:
        UsageError: the stage sends no turns of its own.
    """
    if rig.client is None:
        raise UsageError(f"{name} shapes what clients send, and none are here to send it")
    return rig.client

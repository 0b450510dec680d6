"""The rig: the seams at which a fault may take hold.

Seams are passed, never patched. What breaks must mend: a fault is an async context manager that puts everything
back however its body ends, and it records every time that it fired.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from harness.inside import Inside
from harness.window import Matching, Window, check
from harness.wire import Part, Toxic

__all__ = [
    "LEFT",
    "Another",
    "Answer",
    "Call",
    "Client",
    "ClientRule",
    "ClientSeam",
    "Clock",
    "Entering",
    "Fault",
    "Incoming",
    "InsideSeam",
    "InstanceSeam",
    "LogSeam",
    "Matching",
    "NetworkSeam",
    "Outgoing",
    "ProcessSeam",
    "ProviderSeam",
    "Reply",
    "Rig",
    "Rule",
    "Window",
    "check",
]


LEFT = "left"
"""The error of an answer for which its client did not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it reaches the provider; `level` is `conversation` or `structured`, `ordinal` counts from 1."""

    ordinal: int
    level: str
    request_id: str | None
    headers: dict[str, str]
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider puts on the wire: its head, then `parts` where there are any, else `body`.

    Parts are sent under the Content-Length that `headers` announce, or chunked where they announce none. `body` is
    then the same answer in one piece, for whoever reads what was meant. A reply of status 0 has no head: only its parts
    are sent.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: tuple[Part, ...] = ()


Answer = Callable[[Call], Awaitable[Reply]]
Rule = Callable[[Call, Answer], Awaitable[Reply]]
"""A rule around the provider's answer: it may answer itself, change what `answer` gives, delay it, or never return."""


class ProviderSeam(Protocol):
    """The provider: rules are stacked around its honest answer, and may be taken away in any order."""

    def wrapped(
        self, fault: str, rule: Rule, window: Window, *, on_wire: bool = False, tells: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Put `rule` around the answers to the calls that `window` lets through, and record each as fired.

        Of a rule that `tells` only the call is marked: what has fired is told by its fault, elsewhere.
        A rule sees an answer whole, before it is cut into a stream where one was asked for; one that is `on_wire`
        stands outside of all those that are not, and sees it as it goes out.
        """


class NetworkSeam(Protocol):
    """The link between the target and its provider."""

    def refused(self, fault: str) -> AbstractAsyncContextManager[None]:
        """While open, nothing listens where the provider was: a connection is refused by the wire itself."""

    def shaped(
        self, fault: str, toxic: Toxic, window: Window, *, link: str = "provider"
    ) -> AbstractAsyncContextManager[None]:
        """While open, the link does what `toxic` says to the connections (their ordinal) that `window` lets through.

        A connection, or a call where there are no connections, to which something was done is a firing.
        """


class InsideSeam(Protocol):
    """What is done within the target's own process."""

    def entered(self, fault: str, entering: "Entering") -> AbstractAsyncContextManager[None]:
        """Send the fault there and enter its `within`; what it noted as fired is recorded under `fault`."""

    async def has_fired(self, fault: str) -> bool:
        """Whether a fault that is there has noted anything yet."""


class Entering(Protocol):
    """A fault that works within the target's process; it is sent there, so it is plain data."""

    @property
    def window(self) -> Window:
        """On which of the operations that it meets it acts."""

    def within(self, inside: Inside) -> AbstractContextManager[None]:
        """Break on entry, mend on exit, within the target's process and outside its loop's thread."""


class ProcessSeam(Protocol):
    """The target's process, which the harness started. What it cannot answer meanwhile is on record as an outage."""

    def down(
        self, fault: str, *, kill: bool, grace_s: float = 10.0, mends: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """End it on entry, by SIGKILL or by SIGTERM with SIGKILL after `grace_s`; start it again on exit.

        What `mends` is no firing.
        """

    async def stillborn(self, fault: str, *, grace_s: float) -> None:
        """While it is down, start one that is sent SIGTERM before it listens, and SIGKILL after `grace_s`."""

    def paused(self, fault: str) -> AbstractAsyncContextManager[None]:
        """SIGSTOP on entry, SIGCONT on exit."""

    def starved(self, fault: str, descriptors: int) -> AbstractAsyncContextManager[None]:
        """Let it open no more than so many descriptors beside those that it has, and as many as before on exit."""


class InstanceSeam(Protocol):
    """The processes of the service that a fault may have beside its first, or in its place."""

    def another(self, fault: str) -> AbstractAsyncContextManager["Another"]:
        """While open, a second process of the service runs on the same store and the same provider.

        It ends when all that was sent to it is answered. That it is there is no firing.
        """

    def hurried(self, fault: str, share: float) -> AbstractAsyncContextManager[float]:
        """Start it anew with `share` of its deadline in the variable that takes it, and with its own on exit.

        What is given is that deadline in seconds. That it is there anew is no firing.
        """


class Another(Protocol):
    """A second process of the service."""

    def taken(self) -> AbstractContextManager[str]:
        """Its base URL, for one request: it stays there as long as the block is open. Empty where it goes already."""


class LogSeam(Protocol):
    """The file that the target writes its log to."""

    def rotated(self, fault: str, *, how: str) -> AbstractAsyncContextManager[None]:
        """Rotate it on entry: `rename` moves it away and makes it anew, `truncate` copies it and cuts it off.

        It has fired where the target had written lines before and writes some after; that is known when it has ended.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as it goes to the target, or to another process of the same service where it has a `base_url`."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    base_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What came back: `status` is None where none did, and `error` then names the client's exception."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None


class ClientSeam(Protocol):
    """The clients: rules are stacked around the sending of a turn, and may be taken away in any order."""

    def wrapped(
        self, fault: str, rule: "ClientRule", window: Window, *, tells: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Put `rule` around the turns that `window` lets through; each is a firing.

        A rule that `tells` says itself of each whether it was one, by `Client.fired`.
        """


class Client(Protocol):
    """What a client's rule may do beside, or instead of, sending the request that it was given."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where the target listens; None where there is no wire."""

    @property
    def message(self) -> str:
        """What the given turn says."""

    @property
    def session_id(self) -> str | None:
        """The id of the given turn's session; None where it has none yet."""

    def fired(self) -> None:
        """Note that the rule has done to the given turn what its fault is about, where it is a rule that tells."""

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send the turn's own request; with `leave_after_s` the client goes away after so long."""

    async def beside(
        self, outgoing: Outgoing, *, expected: tuple[int, ...], leave_after_s: float | None = None
    ) -> Incoming:
        """Send another request, recorded with role `beside`, whose answer must have one of the statuses `expected`."""

    def another(self, message: str, *, session: str | None = None, key: str | None = None) -> Outgoing:
        """Another turn than the given one, for `beside`; `{canary}` in the message is a word that exists once.

        Where `session` is None it belongs to the same session, if that has an id by now, else to the one of that id,
        which is a new one where it is empty. `key` is its idempotency key, if any.
        """


ClientRule = Callable[[Outgoing, Client], Awaitable[Incoming]]


class Clock(Protocol):
    """The time of the run: real in the stages that have sockets."""

    def monotonic(self) -> float:
        """Seconds, from any start, never going back."""

    async def sleep(self, seconds: float) -> None:
        """Let so much of the run's time pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """All the seams of one run; None is a seam that the stage does not have."""

    provider: ProviderSeam
    network: NetworkSeam
    clock: Clock
    inside: InsideSeam | None = None
    process: ProcessSeam | None = None
    instances: InstanceSeam | None = None
    client: ClientSeam | None = None
    log: LogSeam | None = None


class Fault(Protocol):
    """One thing that goes wrong: a frozen dataclass whose fields are its knobs, with units in their names.

    Its class may also say `holds` (oracles that must hold under it beside the universal ones), `silences` (witnesses
    that it takes away), `excuses` (invariants that no target could keep under it), `calibrates` (some invariant must
    fail under it), `link` (on which a proxy has to stand) and `counted_inside` (the process itself counts what no wire
    shows). One that leaves a knob to the target's contract has `fitted_to(contract, stage)`, which gives it with that.
    `harness.registry.fault` adds its stages, why there are no others, its needs and its drill.
    """

    name: ClassVar[str]

    @property
    def window(self) -> Window:
        """When it is armed, and on which calls it fires."""

    def inject(self, rig: Rig) -> AbstractAsyncContextManager[None]:
        """Break on entry, mend on exit."""

"""Clients that repeat themselves, come all at once, or name what is not theirs."""

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import NAMESPACE_URL, uuid5

from harness.faults.base import closed
from harness.faults.client_base import BUSY, FOREIGN, HELD, ONCE, ClientFault
from harness.faults.client_holds import (
    one_answer,
    one_effect,
    one_is_held,
    some_served,
    told_to_wait,
    unknown_session,
)
from harness.history import IDEMPOTENCY_KEY
from harness.registry import Invariant, fault
from harness.rig import Client, Clock, Incoming, Outgoing, Window, check
from harness.variants import chosen

TWICE = Window(first_n=2)


@fault("client.duplicate", needs=("keys",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDuplicate(ClientFault):
    """The same bytes come twice, `gap_ms` apart. Under the `same` key one turn is held; with `none` there are two."""

    holds: ClassVar[tuple[Invariant, ...]] = (one_answer, one_effect)

    gap_ms: float = 50.0
    key: str = chosen("same", "none")

    def __post_init__(self) -> None:
        closed(self, "key")
        check("gap_ms", self.gap_ms, 0, 60_000)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:
        again = _keyed(outgoing, self.key == "same")
        async with asyncio.TaskGroup() as group:
            own = group.create_task(client.send(again))
            await clock.sleep(self.gap_ms / 1000)
            group.create_task(client.beside(again, expected=(*HELD, *BUSY)))
        return own.result()


@fault("client.key_reuse", needs=("keys",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKeyReuse(ClientFault):
    """The key of a turn that was answered comes again with another message: 422, and nothing of it is held."""

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        keyed = _keyed(outgoing, with_key=True)
        incoming = await client.send(keyed)
        if incoming.status in HELD:
            other = client.another("Something else, for {canary}.", key=keyed.headers[IDEMPOTENCY_KEY])
            await client.beside(other, expected=(409, 422, 429))
        return incoming


@fault("client.parallel_turns", needs=("sessions",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientParallelTurns(ClientFault):
    """`n` more turns of the same session come with each: they are held one after the other, or refused; none is lost."""

    holds: ClassVar[tuple[Invariant, ...]] = (one_is_held, told_to_wait)

    n: int = 3
    window: Window = TWICE

    def __post_init__(self) -> None:
        check("n", self.n, 1, 1000)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        async with asyncio.TaskGroup() as group:
            own = group.create_task(client.send(outgoing))
            for number in range(self.n):
                more = client.another(f"And {number + 1} about {{canary}}?")
                group.create_task(client.beside(more, expected=(*HELD, *BUSY)))
        return own.result()


@fault("client.flood", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFlood(ClientFault):
    """`count` strangers open a conversation each, `rate_per_s` of them a second: they are answered, or told to wait."""

    holds: ClassVar[tuple[Invariant, ...]] = (some_served, told_to_wait)

    rate_per_s: float = 500.0
    count: int = 100
    window: Window = ONCE

    def __post_init__(self) -> None:
        check("rate_per_s", self.rate_per_s, 0.1, 100_000)
        check("count", self.count, 1, 100_000)

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:
        async with asyncio.TaskGroup() as group:
            own = group.create_task(client.send(outgoing))
            for _ in range(self.count):
                stranger = client.another("Hello from {canary}.", session="")
                group.create_task(client.beside(stranger, expected=(*HELD, *BUSY)))
                await clock.sleep(1 / self.rate_per_s)
        return own.result()


@fault("client.foreign_session", needs=("sessions",))
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientForeignSession(ClientFault):
    """A turn names a session that nobody was given: it is refused, or begins afresh, and learns of no other one."""

    holds: ClassVar[tuple[Invariant, ...]] = (unknown_session,)

    session_id: str = ""
    """The one to name; where it is empty, another for each turn."""

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        named = self.session_id or str(uuid5(NAMESPACE_URL, outgoing.headers["x-request-id"]))
        foreign = client.another("What was said before {canary}?", session=named)
        await client.beside(foreign, expected=FOREIGN)
        return await client.send(outgoing)


def _keyed(outgoing: Outgoing, with_key: bool) -> Outgoing:
    """The turn under a key, its own where it has one, or under none."""
    headers = {name: value for name, value in outgoing.headers.items() if with_key or name != IDEMPOTENCY_KEY}
    if with_key:
        headers.setdefault(IDEMPOTENCY_KEY, f"key-{outgoing.headers['x-request-id']}")
    return replace(outgoing, headers=headers)

"""While the store is down the readiness is asked for, after turns that were not held, and again when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.faults.base import ALWAYS
from harness.faults.store import StoreDown
from harness.faults.store_readiness import ASKED_MAX, FLIPS_S
from harness.rig import Incoming, Outgoing, Rig, Window

TURN = Outgoing(method="POST", path="/turn", headers={"x-request-id": "r-1", "accept": "*/*"}, body=b"{}")


class Service:
    """All seams in one, and a client: notes what is done with it; the readiness is answered by `ready`, in turn."""

    def __init__(self, *ready: int | None) -> None:
        self.ready = list(ready)
        self.turn: int | None = 503
        self.noted: list[Any] = []
        self.rule: Any = None

    async def sleep(self, seconds: float) -> None:
        self.noted.append(seconds)

    async def send(self, outgoing: Outgoing) -> Incoming:
        assert outgoing is TURN
        return Incoming(status=self.turn)

    async def beside(self, outgoing: Outgoing, *, expected: tuple[int, ...]) -> Incoming:
        assert (outgoing.headers, outgoing.body, expected) == ({"x-request-id": "r-1"}, b"", (200, 503))
        self.noted.append(f"{outgoing.method} {outgoing.path}")
        return Incoming(status=self.ready.pop(0))

    @asynccontextmanager
    async def entered(self, fault: str, entering: Any) -> AsyncIterator[None]:
        self.noted.append("down")
        try:
            yield
        finally:
            self.noted.append("back")

    @asynccontextmanager
    async def wrapped(self, fault: str, rule: Any, window: Window, *, tells: bool) -> AsyncIterator[None]:
        assert (fault, window, tells) == ("store.down", ALWAYS, True)
        self.rule = rule
        try:
            yield
        finally:
            self.rule = None

    @property
    def rig(self) -> Rig:
        seam: Any = self
        return Rig(provider=seam, network=seam, clock=seam, inside=seam, client=seam)


async def test_a_turn_that_was_not_held_asks() -> None:
    """Half a second after it while the store is down, and until it is ready when that is back; that is no firing."""
    service = Service(503, 503, None, 200)
    async with StoreDown(ready="/well").inject(service.rig):
        assert await service.rule(TURN, service) == Incoming(status=503)
        service.turn = None
        assert await service.rule(TURN, service) == Incoming(status=None)
    asked = "GET /well"
    assert service.noted == ["down", FLIPS_S, asked, FLIPS_S, asked, "back", asked, FLIPS_S, asked]
    assert service.rule is None


async def test_a_turn_that_was_held_asks_for_nothing() -> None:
    """Who holds its turns without the store owes no word of it."""
    service = Service()
    for service.turn in (200, 404):
        async with StoreDown(ready="/well").inject(service.rig):
            await service.rule(TURN, service)
    assert service.noted == ["down", "back"] * 2


async def test_who_is_never_ready_again_is_let_go() -> None:
    """It is asked so often and no more; the oracle has the last answer."""
    service = Service(*[503] * (ASKED_MAX + 1))
    async with StoreDown(ready="/well").inject(service.rig):
        await service.rule(TURN, service)
    assert service.ready == []
    assert service.noted[-2:] == ["GET /well", FLIPS_S]


async def test_who_is_broken_off_asks_nobody() -> None:
    """A run that ends in the middle mends, and waits for nothing."""
    service = Service(503)

    async def broken_off() -> None:
        async with StoreDown(ready="/well").inject(service.rig):
            await service.rule(TURN, service)
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await broken_off()
    assert service.noted == ["down", FLIPS_S, "GET /well", "back"]


@pytest.mark.parametrize(
    "fault",
    [
        StoreDown(),
        StoreDown(ready="/well", on="read"),
        StoreDown(ready="/well", on="open"),
        StoreDown(ready="/well", window=Window(every_k=2)),
    ],
    ids=repr,
)
async def test_where_there_is_nothing_to_tell_nobody_is_asked(fault: StoreDown) -> None:
    """Without a path, and where a turn can still be stored, if only now and then, no client is changed."""
    service = Service()
    async with fault.inject(service.rig):
        assert service.rule is None
    assert service.noted == ["down", "back"]

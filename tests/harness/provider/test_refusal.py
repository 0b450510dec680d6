"""The wire of the provider's listener: it really refuses, mends on the same port, and says so where it does not."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.provider import ProviderServer

HANG_S = 10.0


class Stuck(ProviderServer):
    """A server one of whose parts does nothing while `stuck` names it."""

    stuck = ""

    async def _close_down(self, fault: str) -> None:
        if self.stuck != "close_down":
            await super()._close_down(fault)

    def _unlisten(self) -> None:
        if self.stuck != "unlisten":
            super()._unlisten()

    async def _listen(self, bound: socket.socket) -> None:
        if self.stuck == "listen":
            bound.close()
        else:
            await super()._listen(bound)


@pytest.mark.parametrize(
    ("stuck", "message"),
    [
        ("close_down", "something still listens on port"),
        ("unlisten", "cannot be taken back"),
        ("listen", "does not accept again"),
    ],
)
async def test_a_wire_that_does_not_do_as_told_makes_the_run_invalid(
    parts: Any, stuck: str, message: str
) -> None:
    """A refusal that did not happen, or did not mend, is never taken for a run under that fault."""
    async with asyncio.timeout(HANG_S), Stuck(parts.script, parts.witness, fired=parts.record) as server:
        server.stuck = stuck
        with pytest.raises(InvalidRun, match=message):
            async with server.refused("network.refused"):
                pass
        server.stuck = ""


def descriptors_open() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_server_that_stops_while_it_refuses_lets_go_of_its_port(parts: Any) -> None:
    """The port that was held is given back, and the fault that ends later finds nothing to mend."""
    before = descriptors_open()
    async with asyncio.timeout(HANG_S):
        server = await ProviderServer(parts.script, parts.witness, fired=parts.record).__aenter__()
        refusal = server.refused("network.refused")
        await refusal.__aenter__()
        await server.__aexit__()
        assert descriptors_open() == before
        await refusal.__aexit__(None, None, None)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_the_harness_fires_no_fault_by_its_own_trials(parts: Any) -> None:
    """A refusal that no connection of a target met has not fired, however often the harness tries the wire."""
    async with (
        asyncio.timeout(HANG_S),
        ProviderServer(parts.script, parts.witness, fired=parts.record) as server,
    ):
        for _ in range(3):
            async with server.refused("network.refused"):
                pass
    assert parts.fired == []

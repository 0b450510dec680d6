"""A port that refuses connections stays ours, and where that fails it is said."""

import asyncio
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.network import listener


async def test_a_port_that_cannot_be_taken_back_makes_the_run_invalid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who tries to mend it is told the same, and can let go of it; once the port is free again it listens."""

    def taken(port: int) -> Any:
        raise OSError(98, "Address already in use")

    one = listener.Listener(lambda accepted: accepted.close())
    one.listen()
    with monkeypatch.context() as patch:
        patch.setattr(listener, "bound", taken)
        for change in (one.refuse, one.listen):
            with pytest.raises(InvalidRun, match="cannot be taken back"):
                change()
    one.listen()
    _, writer = await asyncio.open_connection(listener.HOST, one.port)
    writer.close()
    monkeypatch.setattr(listener, "bound", taken)
    with pytest.raises(InvalidRun, match="cannot be taken back"):
        one.refuse()
    one.close()

"""Plays cells of the bridge kit, several at a time, for tests that ask for their verdicts."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from harness.bridges.child import play
from harness.bridges.kit import PROCESSORS, WAITED_S_MAX
from harness.bridges.property import catalog

CELLS_AT_A_TIME = 12
Cell = tuple[str, str, str]
"""Import string of an adapter, property, context."""


def verdicts(expected: Mapping[Cell, str]) -> dict[Cell, tuple[str, str]]:
    """The verdict and the reason of each cell, of which a verdict is expected."""
    return asyncio.run(_verdicts(expected))


def described(specs: Iterable[str]) -> list[dict[str, Any]]:
    """What each adapter says of itself."""
    return asyncio.run(_described(list(specs)))


async def _described(specs: Iterable[str]) -> list[dict[str, Any]]:
    starting = asyncio.Semaphore(PROCESSORS)

    async def one(spec: str) -> dict[str, Any]:
        async with starting:
            played = await play(spec)
        assert played.answer is not None, played
        return dict(played.answer)

    return await asyncio.gather(*map(one, specs))


async def _verdicts(expected: Mapping[Cell, str]) -> dict[Cell, tuple[str, str]]:
    slots, starting = asyncio.Semaphore(CELLS_AT_A_TIME), asyncio.Semaphore(PROCESSORS)
    known = catalog()

    async def one(spec: str, name: str, context: str) -> tuple[str, str, bool]:
        tried = known[name]
        arguments = ["--function", tried.function, "--context", context]
        played = await play(spec, arguments, limit_s=tried.hang_s, starting=starting)
        if played.hung:
            return "hang", played.stacks, False
        assert played.answer is not None, played
        answer = played.answer
        late = answer["waited_s"] is None or answer["waited_s"] > WAITED_S_MAX
        return answer["verdict"], answer["reason"], late

    async def beside_others(cell: Cell) -> tuple[str, str, bool]:
        async with slots:
            return await one(*cell)

    found = dict(zip(expected, await asyncio.gather(*map(beside_others, expected)), strict=True))
    # As the kit does it: what failed while it had to wait for a processor is played again, alone.
    doubtful = [cell for cell, (verdict, _, late) in found.items() if late and verdict != expected[cell]]
    again = {cell: await one(*cell) for cell in doubtful}
    return {cell: (verdict, reason) for cell, (verdict, reason, _) in (found | again).items()}

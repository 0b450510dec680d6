"""The service's own count of its turns, held to the generators'."""

import asyncio
import contextlib

from prometheus_client.parser import text_string_to_metric_families

from harness.gates.criterion import Scope
from harness.history import Contract
from harness.load.frames import Run
from harness.load.target import LoadTarget

COUNT_S_MAX = 2.0
"""The app counts a request just after its last byte, so its count may come a moment later than the client's."""


async def counted_now(contract: Contract, target: LoadTarget) -> int:
    """How many turns the app has counted before any was sent: one that runs already has served others."""
    if contract.response_metric is None or target.metrics is None:
        return 0
    return _counted(await target.metrics(), contract) or 0


async def count_differs(contract: Contract, target: LoadTarget, run: Run, before: int) -> tuple[str, ...]:
    """What to say where the app counted another number of turns than the generators, beyond those from `before`.

    Of a turn without an answer it is not known whether it arrived, so it may or may not be counted. One that hangs is asked
    in vain, and its turns tell so; one that was `renewed` counts from 0 again.
    """
    if contract.response_metric is None or target.metrics is None or not target.alive() or target.renewed():
        return ()
    cell = run.cells.within(Scope())
    if not cell.requests:
        return ()
    wanted = range(before + cell.answered, before + cell.requests + 1)
    text, counted = await _settled(contract, target, wanted)
    if text is None and cell.answered < cell.requests:
        return ()
    if counted is None:
        return (f"the target's metrics have no {contract.response_metric} for {contract.turn_path}",)
    if counted in wanted:
        return ()
    return (f"{cell.requests:,} turns are on record and the target counted {counted - before:,}",)


async def _settled(contract: Contract, target: LoadTarget, wanted: range) -> tuple[str | None, int | None]:
    """What the app's metrics say and count, read again until it is as wanted or time is up; None where they do not."""
    assert target.metrics is not None
    text, counted = None, None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COUNT_S_MAX):
            while True:
                text = await target.metrics() or None
                counted = _counted(text or "", contract)
                if counted in wanted:
                    break
                await asyncio.sleep(0.05)
    return text, counted


def _counted(text: str, contract: Contract) -> int | None:
    """The sum of the response metric over the turns' route, whatever their status; None where there is none."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        return None
    samples = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == contract.response_metric and sample.labels.get("route") == contract.turn_path
    ]
    return int(sum(samples)) if samples else None

"""What a generator counts of its requests while it sends them: little at each, the rest once a second."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from harness.gates.cells import Cell, Cells, Key


@dataclass(slots=True, kw_only=True)
class _Open:
    """The requests of one kind since the last drain; durations as they came, to be sorted together."""

    cell: Cell = field(default_factory=Cell)
    latencies_us: list[int] = field(default_factory=list)
    services_us: list[int] = field(default_factory=list)
    first_tokens_us: list[int] = field(default_factory=list)
    slowest_us: int = -1
    slowest: str = ""


class Counting:
    """Counts requests by scenario, endpoint and phase; `drain` gives what was counted since the last time.

    `limits_us` are the limits of the gates on latency, `first_token_limits_us` those on the time to the first token: how
    many reach each is counted exactly.
    """

    def __init__(self, limits_us: Sequence[int] = (), first_token_limits_us: Sequence[int] = ()) -> None:
        self._limits_us = tuple(limits_us)
        self._first_token_limits_us = tuple(first_token_limits_us)
        self._open: dict[Key, _Open] = {}

    def succeeded(
        self, key: Key, status: int, at_us: int, latency_us: int, service_us: int, *, request_id: str
    ) -> Cell:
        """Count a request that was answered with a 200, `at_us` microseconds after the run began.

        What else its answer says is the caller's to count in the cell.
        """
        held = self._open.get(key) or self._new(key)
        cell = held.cell
        cell.requests += 1
        cell.statuses[status] += 1
        cell.ended(at_us, latency_us)
        held.latencies_us.append(latency_us)
        held.services_us.append(service_us)
        if latency_us > held.slowest_us:
            held.slowest_us, held.slowest = latency_us, request_id
        return cell

    def first_token(self, key: Key, took_us: int) -> None:
        """Count the time to the first token of a stream that came to its end."""
        (self._open.get(key) or self._new(key)).first_tokens_us.append(took_us)

    def failed(
        self, key: Key, status: int, at_us: int, latency_us: int, told: str, *, shed: bool = False
    ) -> None:
        """Count a request that got another answer, or none (0); `told` is it, as evidence."""
        cell = (self._open.get(key) or self._new(key)).cell
        cell.requests += 1
        cell.failed += 1
        cell.ended(at_us, latency_us)
        cell.failed_most_us = max(cell.failed_most_us, latency_us)
        cell.statuses[status] += 1
        cell.shed += shed and status == HTTPStatus.SERVICE_UNAVAILABLE
        cell.example("failed", told)

    def drain(self) -> Cells:
        """What was counted since the last time."""
        drained, self._open = self._open, {}
        return Cells(by_key={key: self._closed(held) for key, held in drained.items()})

    def _new(self, key: Key) -> _Open:
        held = self._open[key] = _Open()
        return held

    def _closed(self, held: _Open) -> Cell:
        """The cell with its durations."""
        cell = held.cell
        cell.latency.add(held.latencies_us, self._limits_us)
        cell.service.add(held.services_us)
        cell.first_token.add(held.first_tokens_us, self._first_token_limits_us)
        cell.slowest = held.slowest
        return cell

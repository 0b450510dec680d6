"""A circuit breaker for one provider and model (signatures; bodies follow)."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """One circuit for one provider and model."""

    def __init__(
        self,
        *,
        model: str,
        failures: int,
        open_s: float,
        lease_s: float,
        changed: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`."""
        raise NotImplementedError

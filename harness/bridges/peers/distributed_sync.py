"""distributed, whose client calls its own coroutines so."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.bridges.adapter import Adapter, Option

UTILS = import_module("distributed.utils")


class DistributedSync(Adapter):
    """`distributed.utils.sync` on the loop of a `LoopRunner`."""

    name = "distributed"
    distribution = "distributed"
    accepts = frozenset({Option.TIMEOUT})

    def __init__(self) -> None:
        self._runner = UTILS.LoopRunner()
        self._runner.start()

    def run(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None, **_options: Any
    ) -> Any:
        """A call."""
        return UTILS.sync(self._runner.loop, function, *args, callback_timeout=timeout)

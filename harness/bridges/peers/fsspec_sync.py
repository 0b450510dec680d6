"""fsspec, whose file systems are asynchronous inside."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.bridges.adapter import Adapter, Option

ASYN = import_module("fsspec.asyn")


class FsspecSync(Adapter):
    """`fsspec.asyn.sync` on the package's own loop."""

    name = "fsspec"
    distribution = "fsspec"
    accepts = frozenset({Option.TIMEOUT})

    def run(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None, **_options: Any
    ) -> Any:
        """A call."""
        return ASYN.sync(ASYN.get_loop(), function, *args, timeout=timeout)

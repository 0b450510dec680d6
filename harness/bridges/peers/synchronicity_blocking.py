"""synchronicity, which writes blocking interfaces from asynchronous ones."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.bridges.adapter import Adapter

PACKAGE = import_module("synchronicity")


class Blocking(Adapter):
    """`Synchronizer.create_blocking` on the loop of one synchronizer."""

    name = "synchronicity"
    distribution = "synchronicity"

    def __init__(self) -> None:
        self._synchronizer = PACKAGE.Synchronizer()

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call."""
        return self._synchronizer.create_blocking(function)(*args)

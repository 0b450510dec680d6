"""Packages that make a running loop run again, by patching asyncio."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.bridges.adapter import Adapter


class NestAsyncio(Adapter):
    """`nest_asyncio.apply()`, then `run_until_complete` on the loop of the thread, running or not."""

    name = "nest-asyncio"
    distribution = "nest-asyncio"

    def __init__(self) -> None:
        self._package = import_module(self.distribution.replace("-", "_"))

    def run(self, function: Callable[..., Any], *args: Any, **_options: Any) -> Any:
        """A call; patched here and not before, for that is what the call does to asyncio."""
        self._package.apply()
        return asyncio.get_event_loop().run_until_complete(function(*args))


class NestAsyncio2(NestAsyncio):
    """The package's successor."""

    name = "nest-asyncio2"
    distribution = "nest-asyncio2"

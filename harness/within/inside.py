"""The inside of this process, as one fault has it (`harness.inside.Inside`)."""

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from harness.errors import Inapplicable, UsageError
from harness.inside import App, OutputRule, RequestRule, StoreRule
from harness.simulation import Gate
from harness.window import Matching, Window
from harness.within.output import OUTPUT_GATE, output_to
from harness.within.requests import RequestGate
from harness.within.sqlite import StoreGate
from harness.within.threads import ending
from harness.within.wall import WallShift


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a process has that faults can get hold of; only a simulated run has a `schedule`.

    `loop` gives the loop of the app's lifespan; `sync_entry` is the import string of the app's synchronous entry,
    `worker` the name of a thread or task of the app's own. `second` starts the app once more, where a factory builds it.
    """

    store: StoreGate
    requests: RequestGate
    loop: Callable[[], asyncio.AbstractEventLoop]
    sync_entry: str = ""
    worker: str = ""
    second: Callable[[], AbstractContextManager[App]] | None = None
    wall: WallShift | None = None
    schedule: Gate | None = None


class Within:
    """The parts of the process for one fault, with its firings and its own chance."""

    def __init__(self, parts: Parts, *, fired: Callable[[str], None], seed: str) -> None:
        self._parts = parts
        self.fired = fired
        self._draws = random.Random(seed)
        self.loop = parts.loop()
        self.sync_entry = parts.sync_entry
        self.output_has_file = OUTPUT_GATE.has_file
        self.worker = parts.worker

    def matching(self, window: Window) -> Matching:
        """A counter of operations for a window, with a stream of draws of the fault's own."""
        return Matching(window, random.Random(self._draws.random()))

    def around_store(self, rule: StoreRule) -> AbstractContextManager[None]:
        """Put a rule around every operation on SQLite."""
        return self._parts.store.around(rule)

    def around_requests(self, rule: RequestRule) -> AbstractContextManager[None]:
        """Put a rule around every HTTP request that arrives from now on."""
        return self._parts.requests.around(rule)

    def second(self) -> AbstractContextManager[App]:
        """Build and start the app once more, on a loop and in a thread of its own.

        Raises:
            Inapplicable: no factory builds it.
        """
        if self._parts.second is None:
            raise Inapplicable(
                "a second server needs an app that is built anew for it: name its factory as app"
            )
        return self._parts.second()

    def ending(self, thread: threading.Thread) -> AbstractContextManager[None]:
        """Let a thread end by an exception at the next thing that it does."""
        return ending(thread)

    def output_to(self, descriptor: int) -> AbstractContextManager[None]:
        """Let the standard output go to another descriptor."""
        return output_to(descriptor)

    def around_output(self, rule: OutputRule) -> AbstractContextManager[None]:
        """Put a rule around every write to `sys.stdout`."""
        return OUTPUT_GATE.around(rule)

    def wall_moved(self, offset_s: Callable[[], float]) -> AbstractContextManager[None]:
        """Let the wall clock read so many seconds more.

        Raises:
            UsageError: this process has the machine's own.
        """
        if self._parts.wall is None:
            raise UsageError("the wall clock of this process cannot be moved: name its app in the profile")
        return self._parts.wall.moved(offset_s)

    def reordered(self) -> AbstractContextManager[None]:
        """Let what is ready run in any legal order.

        Raises:
            UsageError: this process has the machine's own schedule.
        """
        if self._parts.schedule is None:
            raise UsageError("only a simulated run has a schedule that can be changed: play it simulated")
        return self._parts.schedule.reordered(self.fired)

"""How long what could go on waited for a core, as the system itself counts it (Linux: proc(5), schedstat).

A target on a busy machine is late, and it is not its fault. The harness's own ticker does not tell: who sleeps most of
the time is let in at once, while who computes gets his share of a core only.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.history import Starved
from harness.targets.driven import Recorder
from harness.targets.system import members

SAMPLE_S = 0.1
"""How often it is looked at: so exactly a wait can be laid to what was late."""

WAITED_S_MIN = 0.005
"""What is shorter between two looks is not noted: every machine has it."""


class Starvation:
    """Notes in a run's records when the processes of `group`, or the harness, waited for a core."""

    def __init__(self, recorder: Recorder, group: Callable[[], int | None]) -> None:
        self._recorder = recorder
        self._group = group
        self._before: dict[tuple[int, int], float] = {}
        self._since_s = recorder.now()

    async def run(self) -> None:
        """Look until cancelled, and once more then."""
        self._look()
        try:
            while True:
                await asyncio.sleep(SAMPLE_S)
                self._look()
        finally:
            self._look()

    def _look(self) -> None:
        """Note what was waited since the look before: the longest of the target's threads, and the harness's own."""
        waited_s = dict(self._waited())
        more_s = {thread: total_s - self._before.get(thread, total_s) for thread, total_s in waited_s.items()}
        own_s = more_s.pop((os.getpid(), os.getpid()), 0.0)
        since_s, self._since_s, self._before = self._since_s, self._recorder.now(), waited_s
        if (all_s := own_s + max(more_s.values(), default=0.0)) >= WAITED_S_MIN:
            self._recorder.records.append(Starved(at_s=since_s, ended_s=self._since_s, waited_s=all_s))

    def _waited(self) -> Iterator[tuple[tuple[int, int], float]]:
        """Each thread of the target, and the harness's own, with how long it has waited in all, in seconds."""
        group = self._group()
        yield from _of_thread(os.getpid(), os.getpid())
        for pid in members(group) if group is not None else ():
            with contextlib.suppress(OSError):  # one that has just ended
                for name in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # names are all that is wanted
                    yield from _of_thread(pid, int(name))


def _of_thread(pid: int, thread: int) -> Iterator[tuple[tuple[int, int], float]]:
    """The second figure of its schedstat, which is in nanoseconds; nothing where it has ended, or nobody counts."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        words = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()
        yield (pid, thread), int(words[1]) / 1e9

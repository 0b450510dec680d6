"""The process that stress plays in: callers, a watchdog, and what the process holds before and after.

    python -m harness.bridges.stress.play '{"adapter": "package.module:Adapter", "calls": 100000, ...}'

It reports in JSON lines on the socket that the order names; standard output and standard error belong to the bridge.
"""

import asyncio
import faulthandler
import functools
import gc
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.bridges.adapter import Adapter, Context
from harness.bridges.loading import load
from harness.bridges.properties.lifetime import open_descriptors
from harness.bridges.stress import Counts, Part, is_flat
from harness.bridges.stress.callers import LAST, REASONS_MAX, Caller, canceller, shares
from harness.bridges.stress.calls import KINDS
from harness.bridges.stress.site import Site, kinds_for
from harness.errors import UsageError

HOST_SHARE = 4
"""One of so many calls is made from a host loop, where the bridge serves both."""
BATCH = 25
"""Calls for each way from the host loop into sync code."""
SETTLE_S_MAX = 5.0
"""How long what the calls left behind may take to end; no longer than a call that is stuck."""
LOOK_S = 0.25


class Stress:
    """One run: its callers so far, its parts, and where it reports."""

    def __init__(
        self, *, adapter: str, calls: int, seed: int, threads: int, hang_s: float, report: int
    ) -> None:
        self.adapter = adapter
        self.calls = calls
        self.seed = seed
        self.threads = threads
        self.hang_s = hang_s
        self.reports = socket.socket(fileno=report)
        self.began = time.monotonic()
        self.callers: list[Caller] = []
        self.parts: list[Part] = []
        self.left = 0
        """Coroutines whose `finally` never ran."""

    def play(self) -> None:
        """Play each part that the bridge serves, with an adapter of its own, and report."""
        try:
            adapter, other = load(self.adapter), load(self.adapter)
        except (UsageError, ImportError) as error:
            self.send(done=0, unusable=str(error))
            return
        threading.Thread(target=self.watch, daemon=True).start()
        hosted = bool(adapter.contexts & {Context.WORKER, Context.PORTAL})
        alone = Context.NO_LOOP in adapter.contexts
        host_calls = self.calls // HOST_SHARE if alone and hosted else self.calls * hosted
        if alone:
            self.play_alone(adapter, self.calls - host_calls)
        if host_calls:
            self.play_hosted(other, host_calls)
        adapter.close()
        if other.run != adapter.run:  # a name that stands for no class gives the same thing twice
            other.close()
        self.report(stuck=0)

    def made_callers(self, site: Site, part: str) -> list[Caller]:
        """A caller for each thread, seeded by the part and its own number."""
        kinds = kinds_for(site, KINDS)
        made = [
            Caller(random.Random(f"{self.seed}/{part}/{number}"), kinds, [] if number else kinds)
            for number in range(self.threads)
        ]
        self.callers += made
        return made

    def play_alone(self, adapter: Adapter, calls: int) -> None:
        """Calls from threads without a loop; they live through the counting, so that what is theirs is in both."""
        site = Site(adapter=adapter, enter_worker=asyncio.to_thread, may_fork=True)
        callers = self.made_callers(site, "no_loop")
        cancelling = canceller(site)
        step = threading.Barrier(len(callers) + 1)

        def live(caller: Caller, warm: int, rest: int) -> None:
            for share in (warm, rest):
                caller.call(site, share)
                step.wait()
                step.wait()

        lives = zip(callers, *shares(calls, len(callers)), strict=True)
        threads = [threading.Thread(target=live, args=each, daemon=True) for each in lives]
        for thread in threads:
            thread.start()
        step.wait()
        before = counted()
        step.wait()
        step.wait()
        after = self.settled(site, before)
        step.wait()
        for thread in threads:
            thread.join()
        self.parts.append(Part(name="no_loop", calls=calls, callers=len(callers), before=before, after=after))
        self.end(site, cancelling)

    def play_hosted(self, adapter: Adapter, calls: int) -> None:
        """Calls from the worker threads and the portals of a host loop."""
        site = Site(adapter=adapter, enter_worker=adapter.in_worker, may_fork=False)
        callers = self.made_callers(site, "host")
        ways = [
            way
            for context, way in ((Context.WORKER, adapter.in_worker), (Context.PORTAL, adapter.portal))
            if context in adapter.contexts
        ]

        async def visit(caller: Caller, way: Callable[..., Any], calls: int) -> None:
            for begun in range(0, calls, BATCH):
                await way(functools.partial(caller.call, site, min(BATCH, calls - begun)))

        async def host() -> Part:
            counts: list[Counts] = []
            for each in shares(calls, len(callers)):
                visits = (
                    visit(caller, ways[number % len(ways)], share)
                    for number, (caller, share) in enumerate(zip(callers, each, strict=True))
                )
                await asyncio.gather(*visits)
                # The loop goes on while what was left behind ends.
                before = counts[0] if counts else None
                counts.append(await asyncio.to_thread(self.settled, site, before))
            before, after = counts
            return Part(name="host", calls=calls, callers=len(callers), before=before, after=after)

        cancelling = canceller(site)
        self.parts.append(asyncio.run(host()))
        self.end(site, cancelling)

    def settled(self, site: Site, before: Counts | None) -> Counts:
        """What the process holds once everything left behind has ended and it is flat, or time is up."""
        until = time.monotonic() + min(SETTLE_S_MAX, self.hang_s)
        while True:
            counts = counted()
            calm = before is None or is_flat(before, counts, self.threads)
            if (calm and not site.unfinished) or time.monotonic() > until:
                return counts
            time.sleep(0.05)  # what a stranger's bridge has left behind tells nobody when it ends

    def end(self, site: Site, cancelling: threading.Thread) -> None:
        """Count the coroutines that have never come to their `finally`."""
        site.tokens.put(LAST)
        cancelling.join()
        self.left += len(site.unfinished)

    def watch(self) -> None:
        """Report how far it is; find a call that is stuck, show all stacks, and end the process with a report."""
        while True:
            time.sleep(LOOK_S)  # a watch looks now and then
            self.send(done=self.done)
            late = time.monotonic() - self.hang_s
            stuck = [now for caller in self.callers if (now := caller.now) and now[1] < late]
            if stuck:
                faulthandler.dump_traceback(all_threads=True)
                self.report(stuck=len(stuck), more=[f"stuck in {kind}" for kind, _ in stuck])
                os._exit(0)

    @property
    def done(self) -> int:
        """Calls that have come back."""
        return sum(caller.done for caller in self.callers)

    def report(self, *, stuck: int, more: Sequence[str] = ()) -> None:
        """The last report."""
        reasons = [*more, *(reason for caller in self.callers for reason in caller.reasons)]
        if self.left:
            reasons.append(f"{self.left} coroutines never came to their `finally`")
        self.send(
            done=self.done,
            by_kind=sum((caller.by_kind for caller in self.callers), Counter()),
            wrong=sum(caller.wrong for caller in self.callers) + self.left,
            stuck=stuck,
            seconds=round(time.monotonic() - self.began, 3),
            reasons=reasons[:REASONS_MAX],
            parts=[asdict(part) for part in self.parts],
        )

    def send(self, **facts: Any) -> None:
        """One line."""
        self.reports.sendall(json.dumps(facts).encode() + b"\n")


def counted() -> Counts:
    """What this process holds now; what is garbage is collected first."""
    gc.collect()
    tasks = [thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.Task)]
    return Counts(
        descriptors=open_descriptors(),
        threads=sum(1 for _ in Path("/proc/self/task").iterdir()),
        tasks=sum(not task.done() for task in tasks),
    )


def main() -> None:
    """Play the order that the command line gives."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # That a fork copies only one thread is what is tried here.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    order = json.loads(sys.argv[1])
    Stress(**order).play()
    os._exit(0)  # how a bridge lets its interpreter end is a property of its own


def _end_with_the_parent() -> None:
    os.read(0, 1)  # unbuffered: a thread inside of a buffer's lock is fatal to an interpreter that ends
    os._exit(1)


if __name__ == "__main__":
    main()

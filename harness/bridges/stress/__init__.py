"""Stress: a long mix of calls from several threads, in a process of its own, each call with a value of its own.

A bridge passes when every call came back once with what it had to give, none is stuck, and at the end there are no
more descriptors, threads and tasks than there were when it was warm.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import InvalidRun, UsageError
from harness.verdict import Verdict

CALL_HANG_S = 30.0
"""A call that is still in flight after this time is stuck."""

_STACKS_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a process holds: open descriptors, native threads, asyncio tasks that are not done."""

    descriptors: int
    threads: int
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The calls of one kind of place: `no_loop`, or `host` (its worker threads and its portals).

    `before` was counted when the bridge was warm, `after` when the last call had ended.
    """

    name: str
    calls: int
    callers: int
    before: Counts
    after: Counts

    @property
    def is_flat(self) -> bool:
        """Whether nothing has grown but by a pool."""
        return is_flat(self.before, self.after, self.callers)


_THREADS_MORE, _DESCRIPTORS_MORE, _LOOP = 2, 4, 3
"""The first two are those of the property E5; a selector loop holds three descriptors."""


def is_flat(before: Counts, after: Counts, callers: int) -> bool:
    """Whether nothing has grown, but that a pool may have one more thread a caller, and each thread more a loop."""
    threads = max(0, after.threads - before.threads)
    return (
        threads <= callers + _THREADS_MORE
        and after.descriptors - before.descriptors <= _DESCRIPTORS_MORE + _LOOP * threads
        and after.tasks <= before.tasks
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StressResult:
    """What a run of stress came to. `reasons` are the first wrong answers, `stacks` those of all threads if stuck."""

    adapter: str
    seed: int
    calls: int
    by_kind: Mapping[str, int]
    wrong: int
    stuck: int
    parts: tuple[Part, ...]
    seconds: float
    reasons: tuple[str, ...] = ()
    stacks: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether descriptors, threads and tasks are where they were when the bridge was warm."""
        return all(part.is_flat for part in self.parts)

    @property
    def verdict(self) -> Verdict:
        """Passed where nothing is wrong, nothing stuck, and the counts are flat; invalid where no call was made."""
        if self.wrong or self.stuck or not self.is_flat:
            return Verdict.FAILED
        return Verdict.PASSED if self.calls else Verdict.INVALID

    def as_json(self) -> dict[str, Any]:
        """The result as JSON has it."""
        return {"schema": 1, "kind": "bridge_stress", "verdict": str(self.verdict)} | asdict(self)

    def lines(self) -> list[str]:
        """The result for a reader, the verdict first."""
        rate = self.calls / self.seconds if self.seconds else 0.0
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.by_kind.items()))
        told = [
            f"{self.verdict}: {self.calls:,} calls in {self.seconds:.1f} s, {rate:,.0f} a second",
            f"{self.wrong} wrong, {self.stuck} stuck, seed {self.seed}",
            kinds,
        ]
        for part in self.parts:
            grown = [
                f"{name} {getattr(part.before, name)} -> {getattr(part.after, name)}"
                for name in ("descriptors", "threads", "tasks")
            ]
            told.append(f"{part.name}: {', '.join(grown)}{'' if part.is_flat else ', not flat'}")
        return told + [f"wrong: {reason}" for reason in self.reasons]


def run(
    adapter: str,
    calls: int,
    *,
    seed: int,
    threads: int = 8,
    progress: Callable[[int], None],
    hang_s: float = CALL_HANG_S,
) -> StressResult:
    """Make `calls` mixed calls by the adapter of that import string, from `threads` threads; `progress` hears how many.

    Raises:
        UsageError: no such adapter, or fewer calls or threads than one.
        InvalidRun: the process ended without a result: no verdict on the bridge.
    """
    if calls < 1 or threads < 1:
        raise UsageError("stress needs at least one call and one thread")
    order = {"adapter": adapter, "calls": calls, "seed": seed, "threads": threads, "hang_s": hang_s}
    with tempfile.TemporaryFile(mode="w+", errors="replace") as output:
        return _judged(order, _played(order, output, progress), output)


def _played(order: dict[str, Any], output: IO[str], progress: Callable[[int], None]) -> dict[str, Any]:
    """What the process reported last; it is over when this returns."""
    reports, theirs = socket.socketpair()
    with reports:
        with theirs:
            arguments = json.dumps({**order, "report": theirs.fileno()})
            path = os.pathsep.join(dict.fromkeys([str(Path.cwd()), *filter(None, sys.path)]))
            process = subprocess.Popen(  # noqa: S603  # our own interpreter, without a shell
                [sys.executable, "-m", "harness.bridges.stress.play", arguments],
                stdin=subprocess.PIPE,  # its end tells the process that nobody waits for it any more
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path},
            )
        try:
            # The process itself finds a stuck call, unless nothing in it runs any more.
            reports.settimeout(2 * order["hang_s"] + _END_S)
            last = _heard(process, reports, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                last["exit_code"] = process.wait(_END_S)
            return last
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it has forked
            process.communicate()


_END_S = 1.0
"""For the process to end by itself, or to write its stacks."""


def _heard(
    process: "subprocess.Popen[bytes]", reports: socket.socket, progress: Callable[[int], None]
) -> dict[str, Any]:
    """The last report before the process closed its end; a process that says nothing is asked for its stacks."""
    last: dict[str, Any] = {"done": 0}
    with reports.makefile("rb") as lines:
        try:
            for line in lines:
                last = json.loads(line)
                progress(last["done"])
                if "by_kind" in last:  # a process that it forked may hold the other end still
                    break
        except TimeoutError:
            process.send_signal(signal.SIGUSR1)
            return {**last, "silent": True}
    return last


def _judged(order: dict[str, Any], last: dict[str, Any], output: IO[str]) -> StressResult:
    output.seek(0)
    said = output.read()[-_STACKS_CHARACTERS_MAX:]
    facts = {"adapter": order["adapter"], "seed": order["seed"], "calls": last["done"]}
    if last.get("silent"):
        return StressResult(
            **facts, by_kind={}, wrong=0, stuck=1, parts=(), seconds=order["hang_s"], stacks=said
        )
    if "unusable" in last:
        raise UsageError(last["unusable"])
    if "by_kind" not in last:
        raise InvalidRun(
            f"the stress of {order['adapter']} ended without a result, with exit code {last.get('exit_code')}: "
            f"{said.strip()[-2000:] or 'it said nothing'}"
        )
    return StressResult(
        **facts,
        by_kind=last["by_kind"],
        wrong=last["wrong"],
        stuck=last["stuck"],
        seconds=last["seconds"],
        reasons=tuple(last["reasons"]),
        stacks=said if last["stuck"] else "",
        parts=tuple(
            Part(**{**part, "before": Counts(**part["before"]), "after": Counts(**part["after"])})
            for part in last["parts"]
        ),
    )

"""The target's synchronous entry, called where it is hard to answer."""

import asyncio
import contextvars
import functools
import gc
import importlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import anyio.to_thread

from harness.errors import UsageError
from harness.faults.base import closed
from harness.faults.history_holds import SAYS, history_told_beside
from harness.faults.loop_base import InsideFault
from harness.faults.loop_reports import UNLIKE, called_alike, nothing_reported, report
from harness.inside import App, Inside, Message, Receive, Send, takes_message
from harness.registry import Invariant, fault
from harness.variants import chosen

Call = Callable[[], None]

MEND_IT = "mend sync_entry of the profile"
"""How an error ends whose cause stands in the profile."""


@fault("loop.sync_entry", needs=("inside", "sync_entry"))
@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSyncEntry(InsideFault):
    """Within a request the synchronous entry is called as well, just before the answer begins (llama_index#9978).

    `via` says from where: `loop` is the loop's own thread, as in an `async` route; `worker` a worker thread of anyio,
    as in a `def` route; `thread` a thread of no library; `fresh_loop` a loop that was made for this one call, after
    which garbage is collected (httpx#2473, openai-python#1254). The call has the request's context, and so its id.
    It may answer, or refuse by an exception of the package that it is in, for the same cause each time; whatever else it
    does is reported.
    """

    holds: ClassVar[tuple[Invariant, ...]] = (nothing_reported, called_alike, history_told_beside)
    excuses: ClassVar[tuple[str, ...]] = ("sessions.history_preserved",)
    """What the entry asks the provider for has the id of a turn, and no conversation that it could tell of.

    `history_told_beside` judges the rest.
    """

    via: str = chosen("loop", "worker", "thread", "fresh_loop")
    message: str = "Please write an e-mail."

    def __post_init__(self) -> None:
        closed(self, "via")

    @contextmanager
    def within(self, inside: Inside) -> Iterator[None]:
        """Call it in every request that the window lets through.

        Raises:
            UsageError: the entry cannot be imported.
        """
        entry, matching, way = _imported(inside.sync_entry), inside.matching(self.window), _WAYS[self.via]
        calls = _Calls(entry, f"{inside.sync_entry} via {self.via}")

        def call() -> None:
            inside.fired(f"{inside.sync_entry} called via {self.via}{SAYS}{self.message}")
            calls.tried(self.message)

        async def rule(scope: Message, receive: Receive, send: Send, app: App) -> None:
            async def sent(message: Message) -> None:
                # Not before the app: here the context is that which the app gave its request.
                if message["type"] == "http.response.start" and matching.lets_through():
                    await way(call)
                await send(message)

            await app(scope, receive, sent)

        with inside.around_requests(rule):
            yield


def _imported(entry: str) -> Callable[[str], object]:
    """What stands at `MODULE:NAME`."""
    module, _, name = entry.partition(":")
    try:
        found: Callable[[str], object] = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # what is imported is the user's, and may raise anything
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{entry!r} cannot be imported ({said}); {MEND_IT}") from error
    if not takes_message(found):
        raise UsageError(f"{entry!r} cannot be called with a message; {MEND_IT}")
    return found


class _Calls:
    """The calls of an entry, from any thread; each must come out as the first one did."""

    def __init__(self, entry: Callable[[str], object], where: str) -> None:
        self._entry = entry
        self._where = where
        self._lock = threading.Lock()
        self._first: str | None = None

    def tried(self, message: str) -> None:
        """Call the entry, and report what it may not do."""
        try:
            answer = self._entry(message)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody has to be told, and the request goes on
            if type(error).__module__.partition(".")[0] != self._entry.__module__.partition(".")[0]:
                report(f"sync entry {self._where}", error)
            self._compared(_kind(error), error)
            return
        if inspect.isawaitable(answer):
            report(f"sync entry {self._where} gave {type(answer).__name__}, which has no answer yet")
        self._compared("an answer")

    def _compared(self, kind: str, error: Exception | None = None) -> None:
        """Report what came of a call, where it is of another kind than what came of the first."""
        with self._lock:
            first = self._first = self._first or kind
        if kind != first:
            report(f"sync entry {self._where} gave {kind}, and at first {first}", error, mark=UNLIKE)


def _kind(error: BaseException) -> str:
    """What was raised, and what that was raised for: a refusal may hide an error that nobody meant."""
    cause = error.__cause__
    return type(error).__name__ + (f" for {_kind(cause)}" if cause is not None else "")


async def _in_thread(call: Call) -> None:
    """Call in a thread of no library, and wait for it as the loop waits."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            call()
        finally:
            loop.call_soon_threadsafe(over.set)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="sync-entry", daemon=True).start()
    await over.wait()


async def _on_loop(call: Call) -> None:
    """Call right here."""
    call()


def _fresh(call: Call) -> None:
    """Call on a loop that lives no longer than the call.

    What the call has left behind is young: to go through all that the process has would keep its own loop waiting.
    """
    asyncio.run(_on_loop(call))
    gc.collect(1)


async def _on_fresh_loop(call: Call) -> None:
    """Call on a loop of its own, in another thread."""
    await _in_thread(functools.partial(_fresh, call))


_WAYS: dict[str, Callable[[Call], Awaitable[Any]]] = {
    "loop": _on_loop,
    "worker": anyio.to_thread.run_sync,
    "thread": _in_thread,
    "fresh_loop": _on_fresh_loop,
}

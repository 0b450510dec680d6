"""The inside of a target's process, as a fault that was sent there may get hold of it."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from harness.window import Matching, Window

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the target asks of SQLite: `kind` is `open`, `read`, `write` or `commit`, `path` that of the database."""

    kind: str
    path: str
    statement: str = ""


StoreRule = Callable[[Operation, Callable[[], Any]], Any]
"""A rule around an operation: it may do it by calling its second argument, later, twice or never, or raise instead.

It runs in whichever thread the target does the operation in."""

OutputRule = Callable[[Callable[[bytes], int], bytes], int]
"""A rule around a write to `sys.stdout`: it may write by calling its first argument, later or never, or raise instead.

It gives how many bytes were taken, and runs in whichever thread writes."""

RequestRule = Callable[[Message, Receive, Send, App], Awaitable[None]]
"""A rule around an HTTP request, on the target's own loop: scope, receive, send, and what it would have called."""


class Inside(Protocol):
    """What there is to get hold of. All of it may be used from any thread."""

    loop: asyncio.AbstractEventLoop
    """The one that the target's lifespan runs on."""

    sync_entry: str
    """The import string of the target's synchronous entry; empty where it has none."""

    worker: str
    """The name of a thread or task of the target's own; empty where it has none, or where nobody said which."""

    output_has_file: bool
    """Whether the standard output is a file descriptor, so that one can write past `sys.stdout`; a simulated one is none."""

    def fired(self, detail: str) -> None:
        """Note that the fault did something, and to what."""

    def matching(self, window: Window) -> Matching:
        """A counter of operations for a window, with a stream of draws of the fault's own."""

    def around_store(self, rule: StoreRule) -> AbstractContextManager[None]:
        """Put a rule around every operation on SQLite, the last one outermost; connections that are open included."""

    def around_requests(self, rule: RequestRule) -> AbstractContextManager[None]:
        """Put a rule around every HTTP request that arrives from now on, the last one outermost."""

    def second(self) -> AbstractContextManager[App]:
        """Build and start the app once more, on a loop of its own in a thread of its own; at the end it is shut down.

        What is given serves requests from any other loop. An app that is built by no factory is refused.
        """

    def ending(self, thread: threading.Thread) -> AbstractContextManager[None]:
        """Let a thread end by an exception at the next thing that it does; one that did nothing is let off at the end."""

    def output_to(self, descriptor: int) -> AbstractContextManager[None]:
        """Let the process's standard output go to another file descriptor."""

    def around_output(self, rule: OutputRule) -> AbstractContextManager[None]:
        """Put a rule around every write to `sys.stdout`, the last one outermost."""

    def wall_moved(self, offset_s: Callable[[], float]) -> AbstractContextManager[None]:
        """Let the wall clock, and no other, read so many seconds more."""

    def reordered(self) -> AbstractContextManager[None]:
        """Let ready callbacks and threads run in any legal order; only a simulated run can."""


def takes_message(entry: object) -> bool:
    """Whether a synchronous entry can be called with one message; one whose signature cannot be read may be."""
    if not callable(entry):
        return False
    try:
        inspect.signature(entry).bind("")
    except TypeError:
        return False
    except ValueError:
        return True
    return True

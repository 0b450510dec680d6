"""The line between the harness and its child: one JSON document a line over a pair of Unix sockets.

There is no name in the file system that a stranger could find, and its end tells the child that the harness is gone.
"""

import asyncio
import contextlib
import json
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import TargetFailed

SAID = "shakeout: "
"""How a line on standard error begins that the child itself has for its harness."""

PLAYED, HOLDS, REFUSED = "played.jsonl", "holds.json", "refused.json"
"""The files of a simulated run: its history and its schedule, or why there are none."""

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class TargetGone(TargetFailed):
    """The child has ended: nobody is left who could answer."""


class ControlLine:
    """The harness's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._asked = 0
        self.closed = False

    @classmethod
    async def over(cls, end: socket.socket) -> "ControlLine":
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end))

    async def ask(self, question: str, *, timeout_s: float | None = 10.0, **values: Any) -> dict[str, Any]:
        """Ask the child and wait for its answer; a `timeout_s` of None leaves the limit to the caller.

        Raises:
            TargetGone: the child has gone.
            TargetFailed: it says nothing for `timeout_s`.
        """
        try:
            async with self._turn, asyncio.timeout(timeout_s):
                self._asked += 1
                asked = {"ask": question, "number": self._asked, **values}
                self._writer.write(json.dumps(asked).encode() + b"\n")
                await self._writer.drain()
                while line := await self._reader.readline():
                    answer: dict[str, Any] = json.loads(line)
                    if answer.pop("number") == self._asked:  # not one that somebody waited for in vain
                        return answer
        except TimeoutError:
            raise TargetFailed(f"the target did not answer {question!r} within {timeout_s:g} s") from None
        except OSError as error:
            raise TargetGone(f"the target went away ({error})") from error
        raise TargetGone("the target went away")

    def close(self) -> None:
        """Let go: the child takes it as the end of its life."""
        self.closed = True
        self._writer.close()


def serve(descriptor: int, handler: Handler, gone: Callable[[], None]) -> None:
    """Answer the harness from threads of the child, so that a blocked loop can still be seen; `gone` ends it.

    One thread reads and another answers: the line's end is noticed while an answer is still being waited for.
    """
    os.set_inheritable(descriptor, False)  # what the app starts must not keep the line open
    end = socket.socket(fileno=descriptor)
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        try:
            with contextlib.suppress(OSError), end, end.makefile("rb") as lines:
                for line in lines:
                    asked.put(line)
        finally:
            asked.put(b"")
            gone()

    def answer() -> None:
        with contextlib.suppress(OSError):  # nobody is there any more: the reader sees that too
            for line in iter(asked.get, b""):
                question = json.loads(line)
                answer = {**handler(question), "number": question["number"]}
                end.sendall(json.dumps(answer).encode() + b"\n")

    threading.Thread(target=read, name="shakeout-control", daemon=True).start()
    threading.Thread(target=answer, name="shakeout-answers", daemon=True).start()

"""The child's end of the control line: it sees the harness go, whatever it is doing."""

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from harness.errors import TargetFailed
from harness.targets import control

HANG_S = 10.0


@pytest.mark.parametrize("answered", [False, True])
def test_the_end_of_the_harness_is_seen_while_an_answer_is_pending(answered: bool) -> None:
    """A harness that goes while it waits is noticed, also where the answer then finds nobody."""
    ours, theirs = socket.socketpair()
    asked, release, gone = threading.Event(), threading.Event(), threading.Event()

    def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.set()
        release.wait()
        return {}

    control.serve(theirs.detach(), answer, gone=gone.set)
    ours.sendall(b'{"ask": "hello", "number": 1}\n')
    assert asked.wait(HANG_S)
    ours.close()
    if answered:
        release.set()
    assert gone.wait(HANG_S)
    release.set()


async def test_a_late_answer_is_not_taken_for_that_to_another_question() -> None:
    """Who gave up a question, or was cancelled, leaves its answer on the line, and the next one asks past it."""
    ours, theirs = socket.socketpair()
    line = await control.ControlLine.over(ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    with pytest.raises(TargetFailed, match="did not answer 'probe'"):
        await line.ask("probe", timeout_s=0.01)
    asking = asyncio.ensure_future(line.ask("leave"))
    for said in ({"lag": 1}, {"fired": []}):
        number = json.loads(await reader.readline())["number"]
        writer.write(json.dumps({**said, "number": number}).encode() + b"\n")
    assert await asking == {"fired": []}
    line.close()
    writer.close()

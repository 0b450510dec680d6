"""The child's end of the control line: it sees the harness go, whatever it is doing."""

import socket
import threading
from collections.abc import Mapping
from typing import Any

import pytest

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
    ours.sendall(b'{"ask": "hello"}\n')
    assert asked.wait(HANG_S)
    ours.close()
    if answered:
        release.set()
    assert gone.wait(HANG_S)
    release.set()

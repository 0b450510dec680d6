"""What becomes of the log, and of the service by it, with each defect and without: over ASGI, no harness."""

import asyncio
import fcntl
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from damage_bench import Started, turn

OTHER = b'{"event": "of another process"}\n'
PATIENCE_S = 1.0
"""So long nobody reads the pipe where the loop does not go on meanwhile."""


class SharedFile(io.FileIO):
    """A log to which another process writes a line after each write that it takes."""

    def write(self, data: Any, /) -> int:
        """Write it, and then the other's line."""
        written = super().write(data)
        super().write(OTHER)
        return written


class FullPipe(io.FileIO):
    """The end to write to of a pipe that is full, and says when somebody wants to."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w")
        self.wanted = threading.Event()
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(descriptor, False)
        while super().write(b"\n"):
            pass
        os.set_blocking(descriptor, True)

    def write(self, data: Any, /) -> int:
        """Write, once there is room."""
        self.wanted.set()
        return super().write(data)


def logs_to(stream: io.FileIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let apps that are built from now on write their log to the stream."""
    monkeypatch.setattr("reference_app.observability.stream_for", lambda _: stream)


@pytest.mark.parametrize(("defects", "torn"), [((), False), (("log_lines_torn",), True)])
async def test_log_lines_torn_lets_another_writer_in_between(
    started: Started, log: Path, monkeypatch: pytest.MonkeyPatch, defects: tuple[str, ...], torn: bool
) -> None:
    """Every line is a whole record of one of two writers; with the defect each of the app's has the other's in it."""
    monkeypatch.setenv("LOG_FORMAT", "json")
    logs_to(SharedFile(log, "a"), monkeypatch)
    async with started(*defects) as client:
        assert (await turn(client)).status_code == 200
    lines = log.read_bytes().splitlines()
    assert len(lines) > 4
    assert any(not is_record(line) for line in lines) == torn


@pytest.mark.parametrize(("defects", "goes_on"), [((), True), (("log_pipe_blocks_loop",), False)])
async def test_log_pipe_blocks_loop_while_nobody_reads(
    started: Started, monkeypatch: pytest.MonkeyPatch, defects: tuple[str, ...], goes_on: bool
) -> None:
    """The app logs into a pipe that is full: its loop goes on all the same, or with the defect not until it is read."""
    reader, writer = os.pipe()
    pipe = FullPipe(writer)
    logs_to(pipe, monkeypatch)
    loop, ticked, went_on = asyncio.get_running_loop(), threading.Event(), []

    def read_late() -> None:
        pipe.wanted.wait()
        loop.call_soon_threadsafe(ticked.set)
        went_on.append(ticked.wait(PATIENCE_S))
        while os.read(reader, 65_536):
            pass

    reading = threading.Thread(target=read_late, daemon=True)
    reading.start()
    async with started(*defects) as client:
        assert (await turn(client)).status_code == 200
    await asyncio.to_thread(reading.join)  # the app's end closes the pipe
    os.close(reader)
    assert went_on == [goes_on]


@pytest.mark.parametrize(("defects", "told"), [((), False), (("message_text_logged",), True)])
async def test_message_text_logged_keeps_what_users_say(
    started: Started, log: Path, defects: tuple[str, ...], told: bool
) -> None:
    """The address that a message begins with is in no log line, and with the defect in one."""
    async with started(*defects) as client:
        assert (await turn(client, "jane@example.org is where you can reach me.")).status_code == 200
    assert "intent_classification_success" in log.read_text()
    assert ("jane@example.org" in log.read_text()) == told


def is_record(line: bytes) -> bool:
    """Whether a line is one object of JSON."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False

"""A command of somebody else's: started on a free port, known by the socket that it owns, and gone at the end."""

import asyncio
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.rig import Outgoing
from harness.targets import commanded
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.ports import free_port
from harness.targets.process import ProcessTarget
from harness.targets.serving import Serving

PROFILE = """
command = '''{command}'''
provider_variable = ""
{more}
[turn]
path = "/turn"
body = {{ text = "{{message}}" }}
"""
SERVER = """
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *args):
        print("served", self.path, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """Makes a job for a command, whose profile is in a folder of its own with a small server."""
    (tmp_path / "server.py").write_text(SERVER)

    def made(command: str = "{python} server.py {port}", more: str = 'health = "/health"') -> Job:
        (tmp_path / "profile.toml").write_text(PROFILE.format(command=command, more=more))
        profile = profiles.load(str(tmp_path / "profile.toml"))
        return Job(name="x", arm="control", steps=(), faults=(), profile=profile, seed=1)

    return made


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_command_is_started_where_its_profile_is_and_ended(job: Any, tmp_path: Path) -> None:
    """It answers at its own port, says what its process holds, writes its output to the log, and is gone afterwards."""
    directory = tmp_path / "run"
    directory.mkdir()
    async with ProcessTarget.start(job(), Recorder(), directory=directory) as target:
        answer = await target.send(Outgoing(method="GET", path="/health", headers={}))
        pid = int(answer.body)
        probe = await target.probe()
        assert not gone(pid)
        assert (probe["threads"] >= 1, probe["descriptors"] >= 3) == (True, True)
        assert "probes" not in target.witnesses
    assert gone(pid)
    assert "served /health" in (directory / "app.log").read_text()


async def test_a_command_that_is_started_anew_is_where_it_was(job: Any, tmp_path: Path) -> None:
    """Whoever sends to the port that was asked for finds the second process there, as the first."""
    port = free_port()
    serving = Serving(port=port)
    async with ProcessTarget.start(job(), Recorder(), directory=tmp_path, serving=serving) as target:
        asked = Outgoing(method="GET", path="/health", headers={})
        first = await target.send(asked)
        await target.restart(kill=True)
        second = await target.send(asked)
        assert (target.base_url.rpartition(":")[2], second.status) == (str(port), 200)
        assert first.body != second.body


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        ("no-such-command {port}", "", "no-such-command: No such file or directory"),
        ("{python} -c 'import sys; sys.exit(\"no licence\")' {port}", "", "at once: no licence"),
        ("{python} server.py {port}", 'health = "/other"', "GET /other -> 404"),
        ("sleep 60 {port}", "", "nothing listens on its port"),
    ],
)
async def test_a_command_that_does_not_serve_is_told_by_its_line(
    job: Any, tmp_path: Path, command: str, more: str, said: str
) -> None:
    """No such command, one that ends at once, one that never gets healthy: one line, with the line of the profile."""
    with pytest.raises(UsageError, match=said) as raised:
        async with ProcessTarget.start(
            job(command, f"start_s_max = 1.0\n{more}"), Recorder(), directory=tmp_path
        ):
            raise AssertionError
    line = 5 if "/other" in more else 2
    assert f"{tmp_path}/profile.toml:{line}: " in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_stranger_at_the_port_is_not_taken_for_the_command(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody else listens on the port that was chosen, it is seen by the owner of the socket."""
    other = await asyncio.start_server(_answers, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    monkeypatch.setattr(commanded, "free_port", lambda: port)
    with closing(other), pytest.raises(UsageError, match=f"port {port} is answered by another process"):
        async with ProcessTarget.start(job("sleep 60 {port}", ""), Recorder(), directory=tmp_path):
            raise AssertionError


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A stranger who answers everything."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()

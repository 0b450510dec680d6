"""A service that runs already: asked where it is, and believed only as far as anybody can see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.history import LogRecord
from harness.rig import Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.logged import logged, written_before
from harness.targets.process import ProcessTarget
from harness.targets.profile import Profile
from harness.targets.witness import NONCE_HEADER


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """A service that says yes to everything."""

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nyes")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def profile(place: Path, url: str, more: str = "") -> Profile:
    path = place / "profile.toml"
    path.write_text(f'url = "{url}"\n{more}\n[turn]\npath = "/turn"\nbody = {{ text = "{{message}}" }}\n')
    return profiles.load(str(path))


async def test_it_is_asked_where_it_is_and_nothing_else_is_known(tmp_path: Path) -> None:
    """Its answers are taken for its own and its name says so; there is no process and no inside to break."""
    async with served() as url:
        found = profile(tmp_path, url)
        job = Job(name="x", arm="control", steps=(), faults=(), profile=found, seed=1)
        async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
            answer = await target.send(Outgoing(method="GET", path="/", headers={}))
            assert (answer.body, answer.headers[NONCE_HEADER]) == (b"yes", target.nonce)
            assert (target.rig.process, target.rig.inside) == (None, None)
            assert target.witnesses == {"wire", "provider", "snapshots"}
            assert f"http://{target.address[0]}:{target.address[1]}" == url
        header = job.header("live", nonce_matched=True, doubts=(), elapsed_s=0.0, witnesses=target.witnesses)
    assert header.target.endswith("(unverified)")
    assert header.witnesses == ("wire",)
    assert not found.capabilities & {"provider", "process", "inside", "store"}


def test_of_its_log_what_comes_after_the_beginning_counts(tmp_path: Path) -> None:
    """The file beside the profile is read from where it stood, and its lines are the app's."""
    log = tmp_path / "app.log"
    log.write_text('{"event": "before"}\n')
    found = profile(tmp_path, "http://127.0.0.1:9", 'log = "app.log"')
    since = written_before(found, tmp_path)
    with log.open("a") as file:
        file.write('{"event": "after"}\n')
    (record,) = logged(tmp_path, profile=found, since=since)
    assert isinstance(record, LogRecord)
    assert (record.source, record.event) == ("app", "after")


def test_a_log_that_is_not_there_is_told_by_its_line(tmp_path: Path) -> None:
    """A service that runs already has its log by now; one that cannot be read is told at once, too."""
    found = profile(tmp_path, "http://127.0.0.1:9", 'log = "none.log"')
    with pytest.raises(UsageError, match=r"profile.toml:2: log = 'none.log': No such file"):
        written_before(found, tmp_path)
    (tmp_path / "none.log").mkdir()
    with pytest.raises(UsageError, match=r"profile.toml:2: log = 'none.log': Is a directory"):
        written_before(found, tmp_path)


def test_a_command_that_writes_no_log_is_told_when_it_is_read(tmp_path: Path) -> None:
    """Before it has run its log need not be there; afterwards it must."""
    path = tmp_path / "profile.toml"
    path.write_text(
        'command = "x {port}"\nlog = "none.log"\n[turn]\npath = "/t"\nbody = { a = "{message}" }\n'
    )
    found = profiles.load(str(path))
    assert written_before(found, tmp_path) == 0
    with pytest.raises(UsageError, match=r"profile.toml:2: log = 'none.log'"):
        logged(tmp_path, profile=found)

"""A foreign command as a live target: started under a supervisor, waited for, and known by the socket that it owns."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from harness.errors import UsageError
from harness.rig import Outgoing
from harness.targets.http_client import HttpClient
from harness.targets.ports import free_port
from harness.targets.profile import Profile
from harness.targets.started import Child, child, last_line
from harness.targets.system import listens, members

POLL_S = 0.02

SIGNALLED = 128
"""Above this an exit code stands for a signal, as shells have it."""


@asynccontextmanager
async def commanded(
    profile: Profile,
    client: HttpClient,
    *,
    directory: Path,
    logs: Path,
    environment: dict[str, str],
    nonce: str,
    port: int = 0,
) -> AsyncIterator[Child]:
    """Start the command of a profile on a port, a free one for 0; it is healthy when the block begins, and gone when it ends.

    `directory` is what it is told in its words, `logs` is where what it says is kept.

    Raises:
        UsageError: there is no such command, it ends at once, does not get healthy in time, or somebody else listens.
    """
    port = port or free_port()
    arguments = _arguments(profile, port=port, directory=directory)
    async with child(
        "supervise", arguments, profile=profile, directory=logs, environment=environment, nonce=nonce
    ) as supervised:
        started = replace(supervised, hello={**supervised.hello, "port": port})
        await _healthy(profile, client, started, port)
        yield started


async def _healthy(profile: Profile, client: HttpClient, started: Child, port: int) -> None:
    """Wait until it answers on its port, and says that it is healthy where it has a path for that."""
    at, said = profile.at("command"), "nothing listens on its port"
    path = profile.health or "/"
    try:
        async with asyncio.timeout(profile.start_s_max):
            while True:
                if started.process.returncode is not None:
                    why = last_line(started.errors, since=started.errors_from)
                    raise UsageError(
                        f"{at}: {profile.name} ended with {started.process.returncode} at once: {why}; mend command ="
                    )
                answer = await client.send(
                    f"http://127.0.0.1:{port}",
                    Outgoing(method="GET", path=path, headers={}),
                    leave_after_s=1.0,
                )
                if answer.status is not None:
                    if profile.health is None or answer.status == HTTPStatus.OK:
                        break
                    at, said = profile.at("health"), f"GET {path} -> {answer.status}"
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise UsageError(
            f"{at}: {profile.name} did not get healthy within {profile.start_s_max:g} s: {said}; mend command =, health =, or raise start_s_max ="
        ) from None
    check_owner(profile, started, port)


def check_owner(profile: Profile, started: Child, port: int) -> None:
    """See that it is this very command that listens.

    Raises:
        UsageError: it is somebody else.
    """
    if not listens(members(started.process.pid), port):
        raise UsageError(
            f"{profile.at('command')}: port {port} is answered by another process than {profile.name}; try again"
        )


def _arguments(profile: Profile, *, port: int, directory: Path) -> list[str]:
    """What the supervisor is told: the command, and that it is to be run where its profile is."""
    origin = Path(profile.origin)
    place = origin.resolve().parent if origin.is_file() else Path.cwd()
    words = [_filled(word, port=port, directory=directory) for word in profile.command]
    return ["--directory", str(place), "--python-path", os.environ.get("PYTHONPATH", ""), "--", *words]


def _filled(word: str, *, port: int, directory: Path) -> str:
    """A word of the command with what the run knows."""
    for name, value in (("{port}", str(port)), ("{directory}", str(directory)), ("{python}", sys.executable)):
        word = word.replace(name, value)
    return word


def exit_code(ended: Child, profile: Profile) -> int | None:
    """What the process of a profile ended with, negative for a signal; None where it has not.

    A supervisor cannot end with the signal of what it looked after, and says it as shells do.
    """
    code = ended.process.returncode
    return SIGNALLED - code if profile.command and code is not None and code > SIGNALLED else code

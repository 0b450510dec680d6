"""Starting a child and ending it: by its own pid, in its own process group, whatever happens in between."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from harness.endings import to_its_end
from harness.errors import TargetFailed, UsageError
from harness.targets.control import SAID, ControlLine
from harness.targets.profile import START_S_MAX, Profile, places

STOP_S_MAX = 10.0
GONE_S_MAX = 2.0
TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child that runs, with the control line on which it has proved its nonce, and what it said of itself there."""

    process: asyncio.subprocess.Process
    line: ControlLine
    log: Path
    errors: Path
    errors_from: int = 0
    hello: Mapping[str, Any] = field(default_factory=dict)
    pumps: tuple[threading.Thread, ...] = ()

    @property
    def port(self) -> int:
        """Where it serves, if it does."""
        return int(self.hello["port"])

    @property
    def ended(self) -> bool:
        """Whether it has ended, also where the loop was not told yet."""
        try:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return self.process.returncode is not None or bool(os.waitid(os.P_PID, self.process.pid, options))
        except ChildProcessError:  # somebody has just taken note of its end
            return True

    async def gone(self) -> None:
        """Wait until it has ended by itself, or for as long as that may take once its end of the line is closed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GONE_S_MAX)

    async def stop(self, *, kill: bool = False, grace_s: float = STOP_S_MAX) -> None:
        """End it: SIGTERM and, where that takes more than `grace_s`, SIGKILL; it is reaped when this returns.

        What is left of its process group is killed, also where the child itself had died before.
        """
        if self.line.closed:
            return  # the group's number may be another's by now
        if self.process.returncode is None:
            self.signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.signal(signal.SIGCONT)  # one that is stopped would not hear of it
            try:
                async with asyncio.timeout(grace_s):
                    await self.process.wait()
            except TimeoutError:
                self.signal(signal.SIGKILL)
                await self.process.wait()
        # A number is not given again while a process is left in the group that bears it.
        self.signal(signal.SIGKILL)
        self.line.close()
        for pump in self.pumps:
            await asyncio.to_thread(pump.join)  # nobody is left who could hold the pipe open

    def signal(self, number: signal.Signals) -> None:
        """Signal its own group, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def environment(profile: Profile, directory: Path, *, provider: str | None) -> dict[str, str]:
    """The variables that tell the app where its provider and its store are; `{directory}` in others is the run's folder."""
    values = {
        name: value.replace("{directory}", str(directory)) for name, value in profile.environment.items()
    }
    if provider is not None:
        values[profile.provider_variable] = provider
    if profile.store_variable is not None:
        values[profile.store_variable] = profile.store_template.replace("{directory}", str(directory))
    return values


def new_nonce() -> str:
    """A nonce that no stranger guesses, of hexadecimal digits: it must not look like an option."""
    return secrets.token_hex(16)


@asynccontextmanager
async def child(
    mode: str,
    arguments: Sequence[str],
    *,
    profile: Profile,
    directory: Path,
    environment: dict[str, str],
    nonce: str,
    own_log: bool = True,
    piped: bool = False,
    start_s_max: float = START_S_MAX,
) -> AsyncIterator[Child]:
    """Start `harness.targets.child` in `mode`; it is gone when the block ends, however it ends.

    What it writes goes to `app.log` and `stderr.log` in `directory`, appended, so that a restart keeps the first part.
    With `piped` its standard output and error are pipes, as a service has them in production, which threads here carry on.

    Raises:
        UsageError: the app does not import or does not start, or not within `start_s_max`: nothing had been run.
        TargetFailed: the child says another nonce.
    """
    if not own_log:
        environment = {
            **environment,
            **{name: os.environ[name] for name in profile.environment if name in os.environ},
        }
    environment = {"PYTHONPATH": _python_path(profile), **environment}
    started = await _start(
        mode,
        arguments,
        directory=directory,
        environment=environment,
        nonce=nonce,
        own_log=own_log,
        piped=piped,
    )
    try:
        yield await _greet(started, profile, nonce, start_s_max)
    finally:
        await to_its_end(started.stop())  # a cancelled run must still end its child


async def _start(
    mode: str,
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: dict[str, str],
    nonce: str,
    own_log: bool,
    piped: bool,
) -> Child:
    """Start the process with one end of the control line."""
    ours, theirs = socket.socketpair()
    log, errors = directory / "app.log", directory / "stderr.log"
    # -P: `-m` would put the current folder before the profile's own, and what was written there in the app's place.
    command = [sys.executable, "-P", "-m", "harness.targets.child", mode, "--nonce", nonce]
    with ExitStack() as unused:
        unused.enter_context(ours)
        with theirs, ExitStack() as handed:
            before = errors.stat().st_size if errors.exists() else 0
            (out, out_pump), (err, err_pump) = (
                _carried_to(path, handed) if piped else (handed.enter_context(path.open("ab")), None)
                for path in (log, errors)
            )
            process = await asyncio.create_subprocess_exec(
                *command,
                "--control",
                str(theirs.fileno()),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out if own_log else None,
                stderr=err if own_log else None,
                env={**os.environ, "PYTHONHASHSEED": "0", **environment},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        line = await _line(ours, process)
        unused.pop_all()
    pumps = tuple(pump for pump in (out_pump, err_pump) if pump is not None)
    return Child(process=process, line=line, log=log, errors=errors, errors_from=before, pumps=pumps)


async def _line(ours: socket.socket, process: asyncio.subprocess.Process) -> ControlLine:
    """Our end of the control line; where it does not come to be, nobody else could end the process."""
    try:
        return await ControlLine.over(ours)
    except BaseException:  # such as a cancellation just now
        process.kill()
        await to_its_end(_reaped(process))
        raise


async def _reaped(process: asyncio.subprocess.Process) -> None:
    await process.wait()


def _carried_to(log: Path, handed: ExitStack) -> tuple[IO[bytes], threading.Thread]:
    """The end of a pipe for a child to write to, ours until it was handed on, and who carries it to the log."""
    read, write = os.pipe()

    def carry() -> None:
        with os.fdopen(read, "rb", 0) as pipe, log.open("ab", 0) as file:
            shutil.copyfileobj(pipe, file)

    pump = threading.Thread(target=carry, name="shakeout-log", daemon=True)
    pump.start()
    return handed.enter_context(os.fdopen(write, "wb", 0)), pump


async def _greet(started: Child, profile: Profile, nonce: str, start_s_max: float) -> Child:
    """Wait until the child says that it is ready, and hold it to the nonce."""
    try:
        async with asyncio.timeout(start_s_max):
            hello = await started.line.ask("hello", timeout_s=None)
    except TimeoutError:
        await started.stop(kill=True)
        raise UsageError(
            f"{_place(profile)}: {profile.name} did not start within {start_s_max:g} s; mend {profile.started_by}"
        ) from None
    except TargetFailed:
        await started.stop()
        raise not_started(profile, started.errors, since=started.errors_from) from None
    if hello.get("nonce") != nonce:
        raise TargetFailed(
            f"{profile.name} answered with another's nonce: this is not the target that was started"
        )
    return replace(started, hello=hello)


def _python_path(profile: Profile) -> str:
    """The profile's own folder, then what can be imported here: the app is found from wherever one stands."""
    return os.pathsep.join(dict.fromkeys([*places(profile), *filter(None, sys.path)]))


def not_started(profile: Profile, errors: Path, *, since: int = 0) -> UsageError:
    """The error for an app that did not start, with the last thing that it said after the first `since` bytes."""
    said = last_line(errors, since=since)
    return UsageError(f"{_place(profile)}: {profile.name} did not start: {said}; mend {profile.started_by}")


def _place(profile: Profile) -> str:
    """Where the profile says what is to be started."""
    return profile.at("app" if profile.app else "command")


def last_line(path: Path, *, since: int = 0) -> str:
    """Why the child ended, from what it wrote after the first `since` bytes: in one line.

    Its own word counts most, then what the last traceback ends with, then the last line of all.
    """
    said = path.read_bytes()[since:] if path.exists() else b""
    lines = said.decode(errors="replace").strip().splitlines()
    own = [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]
    traced = [at for at, line in enumerate(lines) if line.endswith(TRACEBACK)]
    if traced and not own:
        # The frames are indented; what was raised is not. Whatever a server says of it comes after.
        own = [line for line in lines[traced[-1] + 1 :] if line.strip() and not line[0].isspace()][:1]
    return (own or lines or ["it ended and left no error message in its log"])[-1].strip()

"""The child that holds the app: `python -m harness.targets.child serve|simulate`, started by the harness only.

`serve` puts the app behind uvicorn on a port of the child's own choice; `simulate` plays it on virtual time without
any socket. Either way the child answers on the control line it was given, and ends when that line ends.
"""

import argparse
import importlib
import inspect
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import uvicorn

from harness.errors import ShakeoutError, UsageError
from harness.targets import control
from harness.targets.witness import App, WitnessedApp

GRACE_S = 5
LEAVE_S_MAX = GRACE_S + 5.0
NOT_STARTED = 3
"""The exit code of a child whose app did not start, or whose harness has gone."""


def build(app: str, defects: Sequence[str], **seams: Any) -> App:
    """Import the app, or the factory that builds it with the defects and seams that are given.

    Raises:
        UsageError: defects or seams are given and what was imported is no factory that takes them.
    """
    found = imported(app)
    wanted = {**({"defects": tuple(defects)} if defects else {}), **seams}
    if is_factory(found):
        built: App = found(**wanted)
        return built
    if wanted:
        raise UsageError(f"{app} is an app and no factory: it cannot be built with {', '.join(wanted)}")
    return cast("App", found)


def imported(app: str) -> Any:
    """What stands at `MODULE:NAME`."""
    module, _, name = app.partition(":")
    return getattr(importlib.import_module(module), name)


def is_factory(found: Any) -> bool:
    """Whether it is a function that builds an app, and not an app itself."""
    return inspect.isfunction(found) and "scope" not in inspect.signature(found).parameters


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    listening: threading.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self.listening.set()


class _Serving:
    """What the child can say of itself, once it listens; until then whoever asks waits."""

    app: WitnessedApp
    port: int

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self.listening = threading.Event()

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question; it is the harness that knows how long to wait."""
        self.listening.wait()
        if question["ask"] == "probe":
            return self.app.read()
        return {"nonce": self._nonce, "port": self.port, "pid": os.getpid()}


def leave(within_s: float = LEAVE_S_MAX) -> None:
    """End this process: by SIGTERM, which uvicorn answers with a graceful end, and after `within_s` in any case."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(within_s)
    os._exit(NOT_STARTED)


def serve(options: argparse.Namespace) -> int:
    """Serve the app until the control line ends or a signal comes; `NOT_STARTED` where the app does not start."""
    serving = _Serving(options.nonce)
    # Before the app is imported: an import that hangs must not outlive the harness either.
    control.serve(options.control, serving.answer, gone=leave)
    try:
        serving.app = WitnessedApp(build(options.app, options.defect), nonce=options.nonce)
    except (UsageError, SystemExit) as error:  # an app's exit code says nothing to the harness
        say(error)
        return NOT_STARTED
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    serving.port = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            serving.app,
            access_log=not options.no_access_log,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    server.listening = serving.listening
    server.run(sockets=[listener])
    return 0 if server.started else NOT_STARTED


def say(error: BaseException) -> None:
    """Tell the harness, on standard error, why this process ends."""
    print(f"{control.SAID}{told(error)}", file=sys.stderr)  # noqa: T201  # there is no other way


def told(error: BaseException) -> str:
    """An error in one line: the harness's own say all by themselves, others are named too."""
    text = str(error) if isinstance(error, ShakeoutError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def simulate(options: argparse.Namespace) -> int:
    """Play simulated runs, as the harness asks for them."""
    from harness.targets.host import host  # noqa: PLC0415  # a serving child must not pay for this

    code = host(options.control, app=options.app, nonce=options.nonce, cold=options.cold)
    if code == 0:
        # The line has ended before this was told to end: its harness is gone, and nobody else will do it.
        shutil.rmtree(options.directory, ignore_errors=True)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse what the harness asked for, and do it."""
    parser = argparse.ArgumentParser(prog="harness.targets.child", description=__doc__)
    parser.add_argument("mode", choices=("serve", "simulate"))
    parser.add_argument("--app", default="")
    parser.add_argument("--nonce", required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--defect", action="append", default=[])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--directory", default="")
    parser.add_argument("--no-access-log", action="store_true")
    options = parser.parse_args(arguments)
    return serve(options) if options.mode == "serve" else simulate(options)


if __name__ == "__main__":
    sys.exit(main())

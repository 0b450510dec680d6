"""The child that holds the target: `python -m harness.targets.child serve|simulate|supervise`, for the harness only.

`serve` puts an app behind uvicorn on a port of the child's own choice; `simulate` plays it on virtual time without
any socket; `supervise` runs a command of somebody else's. Each answers on the control line it was given, and ends
when that line ends.
"""

import argparse
import asyncio
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
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from harness.errors import ShakeoutError, UsageError
from harness.targets import control
from harness.targets.system import resume_with_parent
from harness.targets.witness import App, WitnessedApp, objects, process_names

if TYPE_CHECKING:
    from harness.targets.entered import Admission

GRACE_S = 5
LEAVE_S_MAX = GRACE_S + 5.0
HELD_S_MAX, LOOK_S = 2.0, 0.005
WORKER_THREAD = "AnyIO worker thread"
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
    """uvicorn's server, which lets the child greet its harness when it listens."""

    greets: threading.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self.greets.set()


class _Serving:
    """What the child can say of itself, once it listens, or waits to be told to end; until then whoever asks waits."""

    app: WitnessedApp
    port: int
    server: uvicorn.Server

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self.greets = threading.Event()
        self.admission: Admission | None = None
        self.from_factory = False

    async def held(self) -> None:
        """Say that the app has started, and let that go on when SIGTERM is felt, or would have been by now."""
        self.greets.set()
        until_s = time.monotonic() + HELD_S_MAX
        while not self.server.should_exit and time.monotonic() < until_s:  # noqa: ASYNC110  # uvicorn tells nobody
            await asyncio.sleep(LOOK_S)

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question; it is the harness that knows how long to wait."""
        self.greets.wait()
        if question["ask"] == "probe":
            working = sum(thread.name == WORKER_THREAD for thread in threading.enumerate())
            said = self.app.read()
            said["names"] |= process_names()
            return {**said, "from_factory": self.from_factory, "worker_threads": working}
        if question["ask"] == "objects":
            return {"objects": objects()}
        if question["ask"] in ("enter", "leave", "noted", "look") and self.admission is not None:
            return self.admission.answer(question)
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
        serving.app = _witnessed(serving, options)
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
            loop=options.loop,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    server.greets = serving.greets
    serving.server = server
    server.run(sockets=[listener])
    return 0 if server.started else NOT_STARTED


def _witnessed(serving: _Serving, options: argparse.Namespace) -> WitnessedApp:
    """The app, with gates for the faults that are to come in where there will be any."""
    held = serving.held if options.held_start else None
    if not options.inside:
        return WitnessedApp(build(options.app, options.defect), nonce=options.nonce, held=held)
    from harness.targets.entered import Admission  # noqa: PLC0415  # only who needs it pays for it
    from harness.targets.second import second  # noqa: PLC0415  # the same
    from harness.within import clock_live  # noqa: PLC0415  # the same
    from harness.within.guests import Guests  # noqa: PLC0415  # the same
    from harness.within.inside import Parts  # noqa: PLC0415  # the same
    from harness.within.output import OUTPUT_GATE  # noqa: PLC0415  # the same
    from harness.within.requests import RequestGate  # noqa: PLC0415  # the same
    from harness.within.sqlite import StoreGate  # noqa: PLC0415  # the same
    from harness.within.wall import WallShift  # noqa: PLC0415  # the same

    store, wall = StoreGate(), WallShift()
    store.install()  # before the app is imported, which may take `connect` or `time` for itself
    clock_live.install(wall)
    built = partial(build, options.app, options.defect)
    OUTPUT_GATE.install(has_file=True)  # or `sys.stdout`
    gate = RequestGate(built())
    witnessed = WitnessedApp(gate, nonce=options.nonce, held=held)
    serving.from_factory = is_factory(imported(options.app))
    parts = Parts(
        store=store,
        requests=gate,
        loop=lambda: witnessed.loop,
        sync_entry=options.sync_entry,
        worker=options.worker,
        second=partial(second, built) if serving.from_factory else None,
        wall=wall,
    )
    serving.admission = Admission(Guests(parts))
    return witnessed


def _supervise(options: argparse.Namespace) -> int:
    """Run a command, as the harness asks for it."""
    from harness.targets.supervise import supervise  # noqa: PLC0415  # a serving child has no use for it

    try:
        return supervise(
            options.control,
            nonce=options.nonce,
            directory=options.directory,
            python_path=options.python_path,
            command=options.command,
        )
    except UsageError as error:
        say(error)
        return NOT_STARTED


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


MODES = {"serve": serve, "simulate": simulate, "supervise": _supervise}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse what the harness asked for, and do it."""
    parser = argparse.ArgumentParser(prog="harness.targets.child", description=__doc__)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--app", default="")
    parser.add_argument("--nonce", required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--defect", action="append", default=[])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--directory", default="")
    parser.add_argument("--no-access-log", action="store_true")
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("--held-start", action="store_true")
    parser.add_argument("--loop", default="auto")
    parser.add_argument("--sync-entry", default="")
    parser.add_argument("--worker", default="")
    parser.add_argument("--python-path", default="")
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    options.command = given[own + 1 :]
    resume_with_parent()
    return MODES[options.mode](options)


if __name__ == "__main__":
    sys.exit(main())

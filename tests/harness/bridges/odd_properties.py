"""Properties that no bridge should meet: they hang, crash, die, or use a place as they may not."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from harness.bridges.adapter import Context, Option
from harness.bridges.place import Failed, Place
from harness.bridges.properties.returned import same
from harness.bridges.property import conformance


def hangs_here() -> None:
    threading.Event().wait()


@conformance("X1", where="no_loop")
def passes(place: Place) -> None:
    """Passes."""


@conformance("X2", where="no_loop")
def fails(place: Place) -> None:
    """Fails."""
    raise Failed("as it always does")


@conformance("X3", where="no_loop", hang_s=0.3)
def hangs(place: Place) -> None:
    """Hangs, and a process that it has started hangs too."""
    started = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    Path(os.environ["BRIDGE_PID"]).write_text(str(started.pid))
    hangs_here()


@conformance("X4", where="no_loop")
def crashes(place: Place) -> None:
    """Crashes."""
    raise KeyError("a mistake of the property")


@conformance("X5", where="no_loop")
def dies(place: Place) -> None:
    """Takes the process with it."""
    sys.stdout.write("the last words\n")
    sys.stdout.flush()
    os._exit(7)


@conformance("X6", where="no_loop", needs={Option.TIMEOUT, Option.CANCEL})
def needs_much(place: Place) -> None:
    """Needs what few accept."""


@conformance("X7", where="no_loop")
def fails_at_first(place: Place) -> None:
    """Fails the first time that it is tried."""
    before = Path(os.environ["BRIDGE_TRIED"])
    if not before.exists():
        before.write_text("once")
        raise Failed("the first time")


@conformance("X8", where="no_loop")
def asks_too_much(place: Place) -> None:
    """Uses an option that the bridge does not accept, and does not say that it needs it."""
    place.run(same, 1, timeout=1.0)


@conformance("X9", where="no_loop on_loop", refusal="on_loop")
def calls(place: Place) -> None:
    """Makes one call."""
    place.enter(lambda: place.run(same, 1))


@conformance("Y1", where="on_loop")
def calls_there(place: Place) -> None:
    """Makes one call where no refusal is right."""
    place.enter(lambda: place.run(same, 1))


@conformance("Y2", where="worker on_loop portal")
def has_company(place: Place) -> None:
    """Sees that what is beside a body begins before it, runs as the context lets it, and is over after it."""
    seen, woken = [], threading.Event()

    async def beside() -> None:
        seen.append("begun")
        try:
            while True:
                await asyncio.sleep(0.01)
                woken.set()
        finally:
            seen.append("over")

    def body() -> str:
        seen.append("body")
        # Only a worker thread leaves the loop to others.
        return str(woken.wait(2.0 if place.context is Context.WORKER else 0.1))

    waited = place.enter(body, beside=beside)
    wanted = str(place.context is Context.WORKER)
    if (waited, seen) != (wanted, ["begun", "body", "over"]):
        raise Failed(f"{waited} {seen}")


@conformance("Y3", where="worker")
def leaves_early(place: Place) -> None:
    """Cancels the entry while the body waits, and is told so."""
    entered, leave = asyncio.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def beside() -> None:
        loops.append(asyncio.get_running_loop())
        await entered.wait()
        place.entry.cancel()

    def body() -> None:
        loops[0].call_soon_threadsafe(entered.set)
        leave.wait(5.0)

    try:
        place.enter(body, beside=beside)
    except asyncio.CancelledError:
        return
    finally:
        leave.set()
    raise Failed("nobody was told")


@conformance("Y4", where="on_loop")
def kills_the_host(place: Place) -> None:
    """Ends the host loop from a task of its own."""

    async def beside() -> None:
        raise SystemExit(4)

    place.enter(lambda: None, beside=beside)


@conformance("Y5", where="on_loop")
def errs_beside(place: Place) -> None:
    """Makes a mistake beside the body."""

    async def beside() -> None:
        raise KeyError("beside")

    place.enter(lambda: None, beside=beside)

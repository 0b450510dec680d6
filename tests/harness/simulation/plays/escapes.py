"""What would leave a simulation."""

import _thread
import asyncio
import os
import queue
import selectors
import socket
import subprocess
import sys
import threading
import warnings
from typing import Any

import stage

from harness.simulation import Simulation, installed
from harness.simulation.scheduler import ACTIVE

OLD_LOCK = threading.Lock()
OLD_RLOCK = threading.RLock()
OLD_QUEUE: queue.SimpleQueue[int] = queue.SimpleQueue()
OLD_LOOP = asyncio.new_event_loop()


async def connects() -> Any:
    socket.create_connection(("127.0.0.1", 9))


async def connects_on_the_loop() -> Any:
    await asyncio.open_connection("127.0.0.1", 9)


async def listens() -> Any:
    socket.create_server(("127.0.0.1", 0))


async def resolves() -> Any:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def registers() -> Any:
    asyncio.get_running_loop().add_reader(0, print)


async def selects() -> Any:
    selectors.EpollSelector()


async def runs_a_command() -> Any:
    subprocess.run(["true"], check=True)  # noqa: ASYNC221  # the escape


async def runs_a_command_on_the_loop() -> Any:
    await asyncio.create_subprocess_exec("true")


async def forks() -> Any:
    os.fork()


async def catches_it() -> Any:
    """An application that answers whatever goes wrong."""
    try:
        socket.create_connection(("127.0.0.1", 9))
    except Exception:  # noqa: BLE001  # as applications do
        return "a fallback"


async def waits_for_an_old_lock() -> Any:
    def hold() -> None:
        with OLD_LOCK:
            threading.Event().wait(1)

    holder = threading.Thread(target=hold)
    holder.start()
    await asyncio.sleep(0.5)
    with OLD_LOCK:
        pass


async def waits_for_an_old_rlock() -> Any:
    def hold() -> None:
        with OLD_RLOCK:
            threading.Event().wait(1)

    holder = threading.Thread(target=hold)
    holder.start()
    await asyncio.sleep(0.5)
    OLD_RLOCK.acquire()


async def uses_old_locks() -> Any:
    """That nobody else holds."""
    with OLD_LOCK, OLD_RLOCK, OLD_RLOCK:
        return OLD_LOCK.locked()


async def waits_for_an_old_queue() -> Any:
    await asyncio.to_thread(OLD_QUEUE.get)


async def drives_an_old_loop() -> Any:
    def drive() -> None:
        OLD_LOOP.call_soon(OLD_LOOP.stop)
        OLD_LOOP.run_forever()

    await asyncio.to_thread(drive)


async def asks_for_uvloop() -> Any:
    import uvloop  # noqa: PLC0415  # inside the run

    uvloop.new_event_loop()


async def imports_from_uvloop() -> Any:
    from uvloop import EventLoopPolicy  # noqa: PLC0415  # inside the run

    return EventLoopPolicy


def foreign() -> list[Any]:
    """A real thread, which was there before the run, on a lock of the run; and what it can do unharmed meanwhile."""
    told: list[Any] = []
    there: list[Any] = []
    go, gone = _thread.allocate_lock(), _thread.allocate_lock()
    go.acquire()
    gone.acquire()

    def meddle() -> None:
        go.acquire()
        own = threading.Lock()
        with own:
            told.append(type(own) is type(go))
        try:
            there[0].acquire()
        except Exception as error:  # noqa: BLE001  # whatever it is told is what is tested
            told.append(f"{type(error).__name__}: {error}")
        gone.release()

    async def main() -> Any:
        there.append(threading.Lock())
        go.release()
        await asyncio.sleep(1)
        # For real: the other thread is not of this run, so virtual time would never let it come.
        while not told[1:]:
            pass
        return "done"

    with installed():
        _thread.start_new_thread(meddle, ())
        outcome = Simulation().run(main)
        gone.acquire()
    return [told, stage.told(outcome), ACTIVE.scheduler is None]


CASES: dict[str, stage.Main] = {
    name: case for name, case in list(globals().items()) if asyncio.iscoroutinefunction(case)
}

if __name__ == "__main__":
    # What was refused in the middle of the library's own work, that does not put away.
    warnings.simplefilter("ignore", ResourceWarning)
    if sys.argv[1:] == ["foreign"]:
        stage.show(foreign())
    else:
        stage.show_all(CASES)
    OLD_LOOP.close()

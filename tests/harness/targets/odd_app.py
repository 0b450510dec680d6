"""A service that does what a simulation must refuse, report or carry; its mistakes are named when it is built."""

import asyncio
import json
import os
import queue
import socket
import sys
import threading

import httpx

WORDS = {"one", "two", "three", "four", "five", "six", "seven"}
AT_IMPORT = threading.Lock()
SEEN: list[int] = []
LISTED: "queue.SimpleQueue[int]" = queue.SimpleQueue()

if os.environ.get("ODD_IMPORT") == "thread":
    threading.Thread(target=LISTED.get, daemon=True).start()
if os.environ.get("ODD_IMPORT") == "silent":
    sys.stdout.close()
if os.environ.get("ODD_IMPORT") == "network":
    socket.create_connection(("127.0.0.1", 9))


async def network(_: int) -> object:
    """Connect to something."""
    reader, _writer = await asyncio.open_connection("127.0.0.1", 9)
    return (await reader.read()).decode()


async def spins(_: int) -> object:
    """Never end, and never wait."""
    while True:  # noqa: ASYNC110  # what it is there for
        await asyncio.sleep(0)


async def hangs(_: int) -> object:
    """Wait for what never comes."""
    return await asyncio.get_running_loop().create_future()


class Locks:
    """Two locks, which two threads take in two orders."""

    def __init__(self) -> None:
        self.first, self.second = threading.Lock(), threading.Lock()
        self.both = threading.Barrier(2)

    def take(self, number: int) -> int:
        """Take both."""
        one, other = (self.first, self.second) if number % 2 else (self.second, self.first)
        with one:
            self.both.wait()
            with other:
                return number


async def deadlocks(number: int, locks: Locks) -> object:
    """Block the loop's own thread until another one is done, which waits in turn."""
    thread = threading.Thread(target=locks.take, args=(number + 1,), name="other", daemon=True)
    thread.start()
    return locks.take(number)


async def words(_: int) -> object:
    """Answer a set of text in its own order."""
    return list(WORDS)


async def addresses(_: int) -> object:
    """Answer where an object happens to be."""
    return id(WORDS)


async def remembers(number: int) -> object:
    """Answer how much the module has seen."""
    SEEN.append(number)
    return len(SEEN)


async def leaves(_: int) -> object:
    """End the process."""
    os._exit(0)


async def silent(number: int) -> object:
    """Close standard output."""
    sys.stdout.close()
    return number


async def tangles(number: int, locks: Locks) -> object:
    """Leave two threads behind that nobody waits for, and that wait for each other."""
    for one in (0, 1):
        threading.Thread(target=locks.take, args=(one,), daemon=True).start()
    return number


async def crosses(number: int, locks: Locks) -> object:
    """Have two worker threads take two locks in two orders."""
    await asyncio.gather(*(asyncio.to_thread(locks.take, one) for one in (0, 1)))
    return number


async def prepared(_: int) -> object:
    """Answer whether this process has the faults already."""
    return "harness.faults" in sys.modules


async def locked(number: int) -> object:
    """Contend for a lock that was made when the module was imported."""

    def hold() -> int:
        with AT_IMPORT:
            return number

    return await asyncio.gather(*(asyncio.to_thread(hold) for _ in range(3)))


HANDLERS = {
    handler.__name__: handler
    for handler in (network, spins, hangs, words, addresses, locked, remembers, leaves, silent, prepared)
}


LOCKING = {"deadlocks": deadlocks, "crosses": crosses, "tangles": tangles}


def create(*, defects=(), transport=None):
    """Build the service: each turn is answered by the first defect, else by its number."""
    count = 0
    locks = Locks()
    client = httpx.AsyncClient(transport=transport)

    async def answered() -> object:
        nonlocal count
        count += 1
        messages = [{"role": "user", "content": "again"}]
        url = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
        await client.post(url, json={"model": "m", "messages": messages})
        for defect in defects:
            if defect in LOCKING:
                return await LOCKING[defect](count, locks) if count == 5 else count
            return await HANDLERS[defect](count)
        return count

    async def app(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = json.dumps({"session": "s", "answer": await answered()}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


class Mistake:
    """A defect as a catalogue holds it."""

    reasons = ("liveness.no_deadlock",)
    summary = "one of them"


DEFECTS = {name: Mistake() for name in (*HANDLERS, *LOCKING)}

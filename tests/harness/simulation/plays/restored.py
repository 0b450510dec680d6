"""What the hooks leave behind: nothing."""

import _queue
import _socket
import _thread
import asyncio
import concurrent.futures.thread
import datetime as dt
import gc
import logging
import os
import queue
import random
import selectors
import socket
import sys
import threading
import time
import uuid
from asyncio import base_events, selector_events, unix_events
from pathlib import Path
from time import monotonic as alias
from typing import Any

import stage
import uvloop

from harness.simulation import Simulation, installed


def default(clock: Any = time.time, *, named: Any = time.sleep) -> Any:
    """Two defaults."""
    return clock, named


def closure() -> Any:
    """A variable of a closure."""
    kept = os.urandom
    return lambda: kept


CLOSURE = closure()


class Holder:
    """A class that holds a clock, and is called through an instance."""

    clock = time.perf_counter


MODULES = (time, threading, queue, _thread, _queue, os, random, selectors, uuid, asyncio, asyncio.tasks)
MORE_MODULES = (asyncio.futures, socket, _socket, logging, concurrent.futures.thread)
TYPES: tuple[Any, ...] = (
    base_events.BaseEventLoop,
    selector_events.BaseSelectorEventLoop,
    unix_events.SelectorEventLoop,
    threading.Thread,
    threading.Event,
    dt.datetime,
    _socket.socket,
    type(_thread.allocate_lock()),
    type(_thread.RLock()),
    random.Random,
    concurrent.futures.ThreadPoolExecutor,
)


def everything() -> dict[str, Any]:
    """All that hooks touch, and some of the places in which it may be held."""
    found: dict[str, Any] = {
        f"{owner.__name__}.{name}": value
        for owner in (*MODULES, *MORE_MODULES, *TYPES)
        for name, value in vars(owner).items()
    }
    found |= {
        "alias": alias,
        "closure": CLOSURE(),
        "class": Holder.clock,
        "uvloop": uvloop,
        "imported": sys.modules["uvloop"],
    }
    found |= dict(zip(("positional", "named"), default(), strict=True))
    found |= {"policy": type(asyncio.get_event_loop_policy()), "chance": random.getstate()}
    found["collecting"] = gc.isenabled()
    # The library fills this in when it first seeds by a text.
    found.pop("random._sha512", None)
    return found


class Before(asyncio.SelectorEventLoop):
    """A loop whose class statement ran before any hook was there."""


async def main() -> Any:
    """Enough to have every hook used."""

    class Inside(asyncio.SelectorEventLoop):
        pass

    def loops() -> list[float]:
        taken = []
        for kind in (Before, Inside, asyncio.SelectorEventLoop, asyncio.new_event_loop):
            loop = kind()
            began = loop.time()
            loop.run_until_complete(asyncio.sleep(3))
            taken.append(loop.time() - began)
            loop.close()
        with asyncio.Runner() as runner:
            runner.run(asyncio.sleep(1))
        return taken

    taken = await asyncio.to_thread(loops)
    held = [Holder().clock(), default()[0](), alias(), CLOSURE()(3).hex()]
    task = asyncio.current_task()
    names = [task.get_name() if task else "", threading.Thread().name]
    return [
        taken,
        names,
        [time.monotonic() == held[0], held[1] == time.time(), alias() == held[2], len(held[3])],
    ]


if __name__ == "__main__":
    random.seed(5)
    before = everything()
    with installed():
        inside = everything()
        first = Simulation(seed=1).run(main)
        second = Simulation(seed=1).run(main)
    after = everything()
    stage.show(
        {
            "changed": sum(before[name] is not inside[name] for name in before),
            "left": [
                name for name in before if before[name] is not after[name] and before[name] != after[name]
            ],
            "value": first.value,
            "equal": stage.told(first) == stage.told(second),
            "real": [abs(time.time() - Path("/proc/self").stat().st_mtime) < 3600, threading.active_count()],
            "typed": [type(threading.Lock()) is type(_thread.allocate_lock())],
        }
    )

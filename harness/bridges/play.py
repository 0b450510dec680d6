"""The process of one cell: `python -m harness.bridges.play`, started by the kit only.

It imports, says that it is ready, tries the property, writes what came of it, and is gone at once: whatever the bridge
has left running is nobody's concern here. A watch ends it with all its stacks when it takes too long.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import functools
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.bridges.adapter import Context
from harness.bridges.loading import described, load
from harness.bridges.place import Failed, Place, told
from harness.bridges.property import Property, named
from harness.bridges.results import CellVerdict
from harness.errors import UsageError

TASKS = Path("/proc/self/task")

Said = tuple[CellVerdict, str]


def describe(spec: str) -> Mapping[str, Any]:
    """What an adapter says of itself, or why it cannot be had: `missing` is not installed, `wrong` no adapter."""
    try:
        return described(spec)
    except UsageError as error:
        return {"wrong": str(error)}
    except ImportError as error:
        return {"missing": told(error)}
    except Exception as error:  # noqa: BLE001  # a stranger's import may raise anything
        return {"wrong": f"{spec}: {told(error)}; mend the adapter"}


def judge(tried: Property, place: Place) -> Said:
    """Try the property; a bridge that has passed is closed, and that must work too."""
    try:
        tried(place)
    except Failed as error:
        return CellVerdict.FAIL, str(error)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
        return unexpected(tried, place, error)
    try:
        place.adapter.close()
    except BaseException as error:  # noqa: BLE001  # a bridge's own end may raise anything
        return CellVerdict.FAIL, f"close raised {told(error)}"
    return CellVerdict.PASS, ""


def unexpected(tried: Property, place: Place, error: BaseException) -> Said:
    """What an exception means that no property has expected."""
    raised = place.raised(error)
    if raised is None:
        return CellVerdict.INVALID, "".join(traceback.format_exception(error))
    text, refused = told(error), raised.refused
    if not refused:
        return CellVerdict.FAIL, f"the call raised {text}"
    traceback.clear_frames(error.__traceback__)
    place.forget()
    if left := place.unawaited():
        return CellVerdict.FAIL, f"refused with {text}, but {left[0]}"
    if place.context in tried.refusal:
        return CellVerdict.REFUSED, text
    return CellVerdict.FAIL, f"refused with {text}"


def loop_factory(kind: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the host loop."""
    if kind == "uvloop":
        import uvloop  # noqa: PLC0415  # only cells that want one pay for it

        return uvloop.new_event_loop
    return None


def stood_in_line_s(tasks: Path = TASKS) -> float | None:
    """Seconds that the living threads of this process were ready and had no processor, None where nobody counts them."""
    counted = []
    for task in tasks.iterdir() if tasks.is_dir() else ():
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            counted.append(int((task / "schedstat").read_text().split()[1]))
    return sum(counted) / 1e9 if counted else None


def cell(options: argparse.Namespace) -> Mapping[str, Any]:
    """Play one cell."""
    # The property first: it may keep what the bridge's import could change.
    tried = named(options.function)
    adapter = load(options.spec)
    factory = loop_factory(tried.loop)
    # A job in the background inherits it as ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with warnings.catch_warnings(record=True) as warned, options.stacks.open("w") as stacks:
        warnings.simplefilter("always", RuntimeWarning)
        faulthandler.enable(stacks)
        make = functools.partial(Place, adapter, Context(options.context), spec=options.spec)
        place = make(loop_factory=factory, warned=warned)
        before_s, started = stood_in_line_s(), time.monotonic()
        faulthandler.dump_traceback_later(tried.hang_s, exit=True, file=stacks)
        os.write(options.ready, b"r")
        os.close(options.ready)
        verdict, reason = judge(tried, place)
        faulthandler.cancel_dump_traceback_later()
        faulthandler.disable()
    seconds, after_s = time.monotonic() - started, stood_in_line_s()
    waited_s = None if before_s is None or after_s is None else max(0.0, after_s - before_s)
    return {"verdict": verdict, "reason": reason, "seconds": seconds, "waited_s": waited_s}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the kit asked for, write it down whole, and end here."""
    parser = argparse.ArgumentParser(prog="harness.bridges.play", description=__doc__)
    parser.add_argument("spec")
    parser.add_argument("output", type=Path)
    parser.add_argument("--function", default="")
    parser.add_argument("--context", default="")
    parser.add_argument("--ready", type=int, default=-1)
    parser.add_argument("--stacks", type=Path)
    options = parser.parse_args(arguments)
    answer = cell(options) if options.function else describe(options.spec)
    partial = options.output.with_suffix(".partial")
    partial.write_text(json.dumps(answer))
    partial.replace(options.output)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

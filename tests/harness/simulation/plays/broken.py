"""The self-test, with one hook left out at a time."""

import contextlib
import datetime as dt
import queue
import uuid
from typing import Any

import stage

from harness.simulation import installed, self_test
from harness.simulation.rebind import attribute, entry


def fixed(cls: Any, tz: Any = None) -> Any:
    """A `datetime.now` that is not ours."""
    return cls.fromtimestamp(0, tz)


def failed(*undone: Any) -> Any:
    """What fails, with these put in the place of hooks."""
    with contextlib.ExitStack() as stack:
        for undo in undone:
            stack.callback(undo)
        return stage.run(self_test.probe).value


if __name__ == "__main__":
    with installed():
        stage.run(self_test.probe)
        given = {
            "none": failed(),
            "datetime": failed(entry(dt.datetime, "now", classmethod(fixed))),
            "queue": failed(attribute(queue, "SimpleQueue", queue.Queue)),
            "entropy": failed(attribute(uuid, "uuid4", lambda: None)),
        }
    stage.show(given)

"""The child that runs a foreign command: it outlives neither the command nor the harness, and leaves nothing of either."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UsageError
from harness.targets import control
from harness.targets.system import held, members

GRACE_S = 5.0


def supervise(
    descriptor: int, *, nonce: str, directory: str, python_path: str, command: Sequence[str]
) -> int:
    """Run the command in `directory` until it ends, or the harness does; its exit code.

    It is in this process's own group, so that whoever ends that ends both. `python_path` is the PYTHONPATH that the
    harness itself was given: this process's own is of no use to a command with another Python.

    Raises:
        UsageError: there is no such command.
    """
    signal.signal(
        signal.SIGTERM, lambda *_: None
    )  # the command gets it too; what follows from it, follows here
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        process = subprocess.Popen(  # noqa: S603  # what the user's own profile says
            list(command),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            env={**environment, **({"PYTHONPATH": python_path} if python_path else {})},
        )
    except OSError as error:
        raise UsageError(f"{command[0]}: {error.strerror}") from error

    def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        if question["ask"] == "hello":
            return {"nonce": nonce, "pid": process.pid}
        others = tuple(pid for pid in members(os.getpgid(0)) if pid != os.getpid())
        return held(others)

    control.serve(descriptor, answer, gone=_leave)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _leave() -> None:
    """The harness is gone: so is everything here, after a moment in which it may end by itself."""
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)
    sys.exit()

"""Where `shakeout` begins and ends, whatever happens in between.

It is so light that Ctrl-C during the imports behind it is an interruption like any other, and nothing that was not
foreseen leaves it with exit code 1: that one says that a service has failed.
"""

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO

INTERRUPTED = 130
BROKEN = 3


def main() -> None:
    """Import the command line and run it."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    try:
        code = _run()
    finally:
        # What cannot be flushed now would fail once more at the very end, and change the exit code there.
        _settle(sys.stdout)
        _settle(sys.stderr)
    sys.exit(code)


def _run() -> int:
    """Run the command line; its exit code."""
    try:
        from harness import cli  # noqa: PLC0415  # the imports take half a second, in which one may press Ctrl-C

        return cli.execute()
    except KeyboardInterrupt:
        _tell("shakeout: interrupted; everything that was started has been ended")
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001  # a bug of ours, of any kind: it is no verdict on a service
        trace = "".join(traceback.format_exception(error))
        _tell(
            f"{trace}shakeout: {type(error).__name__}: this is a bug of shakeout, and says nothing of the target"
        )
        return BROKEN


def _settle(stream: TextIO) -> None:
    """Flush a standard stream; where that fails, let it lead nowhere from now on."""
    try:
        stream.flush()
    except (OSError, ValueError):  # ValueError: it was closed
        with contextlib.suppress(OSError, ValueError), _nowhere() as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _nowhere() -> TextIO:
    """A stream that forgets, in the place of one that was closed before the start (`>&-`)."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _tell(text: str) -> None:
    """Say it on standard error, if anybody can hear it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()

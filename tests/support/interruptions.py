"""What must hold when somebody ends a command."""

import os
import subprocess
from pathlib import Path

import pytest

LINE = "shakeout: interrupted; everything that was started has been ended\n"


def leaves_nothing(run: "subprocess.Popen[str]", ready: Path, place: Path, *, number: int, code: int) -> None:
    """Send the signal once the command's child has written its process id to the pipe `ready`.

    The command must end with that code and one line, its child must be gone, and `place`, its folder for temporary
    files, empty.
    """
    child = int(ready.read_text())
    run.send_signal(number)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (code, LINE)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert list(place.iterdir()) == []

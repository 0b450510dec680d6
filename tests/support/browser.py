"""A browser without a window, for what a page does only in one: its own profile folder, no network, ended in the end."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LIMIT_S = 240
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here")


def dumped(page: Path, folder: Path, *, fragment: str = "") -> str:
    """The document of a page as it is when its scripts have run, as text."""
    return _run(folder, "--dump-dom", f"{page.resolve().as_uri()}{fragment}")


def pictured(page: Path, picture: Path, folder: Path, *, dark: bool = False, fragment: str = "") -> None:
    """Write a picture of a page, in the light or the dark form."""
    preferred = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _run(folder, *preferred, f"--screenshot={picture}", f"{page.resolve().as_uri()}{fragment}")


def _run(folder: Path, *arguments: str) -> str:
    """What the browser writes, started in a session of its own, which is ended whatever happens."""
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1600,1400"]
    quiet = [
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ]
    command = [
        CHROMIUM,
        *options,
        *quiet,
        f"--user-data-dir={folder}",
        "--virtual-time-budget=4000",
        *arguments,
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        written, _ = process.communicate(timeout=LIMIT_S)
    finally:
        _end(process)
    assert process.returncode == 0
    return written


def _end(process: subprocess.Popen[str]) -> None:
    """End the browser and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

"""`shakeout judge --follow`: a log that is still written, decided as soon as it can be."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = "app INFO api_request_complete status_code=200 success=true route=/workflow/execute\n"
LIE = "app INFO api_request_complete status_code=500 success=true route=/workflow/execute\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of ten good requests."""
    path = tmp_path / "service.log"
    path.write_text(GOOD * 10)
    return path


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[float]]:
    """Puts something in the place of each wait for more lines; gives the waits."""

    def put(action: Callable[[], None]) -> list[float]:
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            action()

        monkeypatch.setattr(time, "sleep", wait)
        return waits

    return put


def append(path: Path, text: str) -> Callable[[], None]:
    """Writes more lines, as a service does."""

    def write() -> None:
        with path.open("a") as file:
            file.write(text)

    return write


def test_it_ends_by_itself_when_enough_has_passed(
    shakeout: Run, log: Path, meanwhile: Callable[..., list[float]]
) -> None:
    """A log that grows by 1,000 good requests a time passes at 3,060, after four looks, and reads no further."""
    waits = meanwhile(append(log, GOOD * 1_000))
    code, out, _ = shakeout("judge", str(log), "--follow")
    assert (code, len(waits)) == (0, 4)
    assert "3,060 requests" in out
    assert "before it was decided" not in out


def test_one_line_that_may_not_be_ends_it(
    shakeout: Run, log: Path, meanwhile: Callable[..., list[float]]
) -> None:
    """The first contradiction fails at once, with its line."""
    waits = meanwhile(append(log, LIE + GOOD * 5_000))
    code, out, _ = shakeout("judge", str(log), "--follow")
    assert (code, len(waits)) == (1, 1)
    assert "log(completion status contradicts success) == 0, the first: app log line 11: " in out
    assert "11 requests" in out


def test_probes_neither_pass_a_log_nor_end_it(
    shakeout: Run, log: Path, meanwhile: Callable[..., list[float]]
) -> None:
    """Thousands of good probes before the first turn are waited through; then the turns, which all fail, decide."""
    probe = 'INFO:     127.0.0.1:1 - "GET /health HTTP/1.1" 200 OK\n'
    log.write_text(probe * 4_000 + GOOD.replace("/workflow/execute", "/health") * 4_000)
    bad = GOOD.replace("status_code=200 success=true", "status_code=503 success=false")
    waits = meanwhile(append(log, bad * 50))
    code, out, _ = shakeout("judge", str(log), "--follow")
    assert (code, len(waits)) == (1, 1)
    assert "4 of 4 requests failed" in out


def test_the_time_ends_it_undecided(shakeout: Run, log: Path) -> None:
    """With no time left what was seen is shown, marked, and how much is missing; exit 4."""
    code, out, _ = shakeout("judge", str(log), "--follow", "--for", "0s")
    assert code == 4
    assert "the time was over before it was decided" in out


def test_an_interruption_shows_what_was_seen(
    shakeout: Run, log: Path, tmp_path: Path, meanwhile: Callable[..., list[float]]
) -> None:
    """Ctrl-C gives the gates so far, marked as such, on the screen and as JSON, and exits as every interrupted command."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    meanwhile(interrupt)
    code, out, err = shakeout("judge", str(log), "--follow", "--json", str(tmp_path / "j.json"))
    assert code == 130
    assert (
        "undecided: 10 requests in 10 lines, 0 of no known format; interrupted before it was decided" in out
    )
    assert '"unfinished": "interrupted"' in (tmp_path / "j.json").read_text()
    assert "shakeout: interrupted" in err


def test_an_interruption_before_anything_was_seen_is_one(
    shakeout: Run, log: Path, meanwhile: Callable[..., list[float]]
) -> None:
    """Ctrl-C before a line of the service came shows no gates, and is no invalid log: exit 130."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    log.write_text("INFO: Started server process [1]\n")
    meanwhile(interrupt)
    code, out, err = shakeout("judge", str(log), "--follow")
    assert (code, out) == (130, "")
    assert (err.startswith("shakeout: interrupted"), err.count("\n")) == (True, 1)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_followed(shakeout: Run, tmp_path: Path) -> None:
    """It would keep the time waiting, and never end: one line says what to do, exit 2."""
    os.mkfifo(tmp_path / "pipe")
    code, out, err = shakeout("judge", str(tmp_path / "pipe"), "--follow", "--for", "1s")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "it is a pipe; give a file, or leave --follow out" in err


def test_a_log_in_which_nothing_of_the_service_comes_is_invalid(shakeout: Run, log: Path) -> None:
    """Where the time is over and no line was of the service, that is no pass and no open question: exit 3, one line."""
    log.write_text("INFO: Started server process [1]\n")
    code, out, err = shakeout("judge", str(log), "--follow", "--for", "0s")
    assert (code, out, err.count("\n")) == (3, "", 1)

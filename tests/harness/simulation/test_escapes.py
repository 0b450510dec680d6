"""Nothing leaves a simulation without being told, by name."""

import re
from collections.abc import Callable
from typing import Any

import pytest

Played = Callable[..., Any]
NETWORK = (
    "pass the seam (the provider's transport, by the address in the profile's provider_variable; the store; the network), "
    "or play it in the stage live"
)
REFUSED = {
    "connects": ("socket.getaddrinfo", NETWORK),
    "connects_on_the_loop": ("socket.connect ('127.0.0.1', 9)", NETWORK),
    "listens": ("socket.bind ('127.0.0.1', 0)", NETWORK),
    "resolves": ("socket.getaddrinfo", NETWORK),
    "registers": ("file descriptor 0 is registered with a simulated loop", NETWORK),
    "selects": ("select.epoll", NETWORK),
    "runs_a_command": ("a process is started", "a simulation is one process"),
    "runs_a_command_on_the_loop": ("a process is started", "a simulation is one process"),
    "forks": ("os.fork", "a simulation is one process"),
    "waits_for_an_old_lock": ("a real lock is held by another thread", "build the app inside the run"),
    "waits_for_an_old_rlock": ("a real RLock is held by another thread", "build the app inside the run"),
    "waits_for_an_old_queue": ("a real SimpleQueue is waited on", "build the app inside the run"),
    "drives_an_old_loop": ("made outside of this run", "make the loop inside the run"),
    "asks_for_uvloop": ("uvloop.new_event_loop is asked for", "the seam is the loop policy"),
    "imports_from_uvloop": ("uvloop.EventLoopPolicy is asked for", "the seam is the loop policy"),
}
IN_A_LIBRARY = {"resolves", "waits_for_an_old_queue"}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_name_with_a_remedy(played: Played, case: str) -> None:
    """The error names what was reached for, from where, and which seam or stage to use; the run has no value."""
    outcome = played("escapes")[case]
    what, remedy = REFUSED[case]
    assert outcome["value"] is None
    assert outcome["error"].startswith("Escape: ")
    assert what in outcome["error"]
    assert remedy in outcome["error"]
    where = re.search(r", at \S+/(\w+\.py):\d+ in ([\w.]+)", outcome["error"])
    assert where is not None
    if case not in IN_A_LIBRARY:
        assert (where[1], where[2].split(".")[0]) == ("escapes.py", case)


def test_an_application_that_catches_it_does_not_hide_it(played: Played) -> None:
    """Whatever the application answers then, the run is invalid."""
    outcome = played("escapes")["catches_it"]
    assert outcome["value"] is None
    assert outcome["error"].startswith("Escape: socket.getaddrinfo, at ")


def test_locks_from_before_the_run_may_be_used_while_nobody_holds_them(played: Played) -> None:
    """A lock made at import is no error in itself."""
    assert played("escapes")["uses_old_locks"]["value"] is True


def test_a_foreign_thread_is_refused_a_lock_of_the_run_and_keeps_its_own(played: Played) -> None:
    """It is told in the foreign thread and in the outcome; what that thread makes for itself is real."""
    (own_is_real, told), outcome, over = played("escapes", "foreign")
    assert own_is_real
    assert told.startswith("Escape: a foreign thread uses a Lock of a simulated run, at ")
    assert outcome["error"] == told
    assert over

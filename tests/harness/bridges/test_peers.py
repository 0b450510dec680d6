"""The bridges of others are found, each by its own name, and judged as measured before by other means."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from bridge_cells import Cell, described, verdicts

from harness.bridges.peers import PEERS

ALWAYS_THERE = {
    "fix1",
    "asyncio-run",
    "runner-per-thread",
    "threadsafe",
    "llama-index-style",
    "prefect-style",
} | {
    "anyio-portal",
    "anyio-provider",
    "anyio-from-thread",
}
"""Rows that need nothing but what the harness itself does."""
KNOWN = [
    ("fix1", "B1/on_loop", "fail", "came"),
    ("fix1", "C1/on_loop", "fail", ""),
    ("fix1", "D1/no_loop", "fail", "returned None after 3."),
    ("fix1", "D1/on_loop", "fail", "the TimeoutError came after 3."),
    ("fix1", "D2/on_loop", "fail", "went on to its end"),
    ("fix1", "D3/on_loop", "fail", "the TimeoutError came after 2."),
    ("fix1", "E1/worker", "fail", "a different loop"),
    ("fix1", "G1/on_loop", "fail", "stood still for"),
    ("fix1", "G4/worker", "pass", ""),
    ("asyncio-run", "A2/on_loop", "refused", "cannot be called from a running event loop"),
    ("asyncio-run", "E2/no_loop", "fail", "a different loop"),
    ("asyncio-run", "H1/no_loop", "pass", ""),
    ("runner-per-thread", "E1/no_loop", "pass", ""),
    ("runner-per-thread", "E3/no_loop", "fail", "had not run"),
    ("threadsafe", "D1/on_loop", "pass", ""),
    ("threadsafe", "D2/no_loop", "fail", "went on to its end"),
    ("threadsafe", "H1/no_loop", "fail", "`finally` has not run"),
    ("threadsafe", "I2/no_loop", "fail", "no task finally"),
    ("asgiref", "A2/on_loop", "refused", "just await"),
    ("asgiref", "E1/no_loop", "fail", ""),
    ("asgiref", "H2/worker", "pass", ""),
    ("anyio-portal", "G3/worker", "refused", "cannot be called from the event loop thread"),
    ("anyio-portal", "I1/no_loop", "fail", "child stuck"),
    ("anyio-provider", "E2/worker", "fail", ""),
    ("anyio-from-thread", "A3/worker", "pass", ""),
    ("anyio-from-thread", "G3/worker", "refused", "Not running inside an AnyIO worker thread"),
    ("nest-asyncio", "A4/on_loop", "refused", "Can't patch loop"),
    ("nest-asyncio", "E4/worker", "fail", ""),
    ("nest-asyncio", "E7/no_loop", "fail", "it has replaced"),
    ("nest-asyncio2", "E4/no_loop", "pass", ""),
    ("fsspec", "B3/no_loop", "fail", "the call returned None"),
    ("fsspec", "B5/no_loop", "fail", "it was raised"),
    ("fsspec", "D3/no_loop", "fail", "the TimeoutError came after 1."),
    ("distributed", "B3/no_loop", "fail", "UnboundLocalError"),
    ("distributed", "I1/no_loop", "fail", "child stuck"),
    ("llama-index-style", "B6/on_loop", "fail", ""),
    ("llama-index-style", "E1/no_loop", "pass", ""),
    ("llama-index-style", "E1/on_loop", "fail", ""),
    ("prefect-style", "G1/on_loop", "fail", "stood still for"),
    ("prefect-style", "G3/no_loop", "pass", ""),
    ("prefect-style", "H1/no_loop", "pass", ""),
    ("synchronicity", "I2/no_loop", "pass", ""),
    ("synchronicity", "H2/worker", "fail", "no CancelledError came"),
    ("syncer", "A3/worker", "fail", "There is no current event loop"),
    ("universalasync", "A2/on_loop", "fail", "coroutine"),
    ("greenback", "H2/portal", "pass", ""),
    ("greenback", "G3/portal", "pass", ""),
    ("sqlalchemy", "E6/portal", "fail", "something kept it"),
    ("sqlalchemy", "G3/portal", "refused", "greenlet_spawn has not been called"),
]

ROOT = Path(__file__).parents[3]
PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def pinned(name: str) -> dict[str, str]:
    """Versions by package, as a lock file has them."""
    return dict(PINNED.findall((ROOT / name).read_text()))


def test_peers_change_nothing_of_what_is_installed() -> None:
    """The peers' lock has the same version of every package that the project's own lock has too."""
    ours, theirs = pinned("requirements.lock"), pinned("requirements-peers.lock")
    shared = ours.keys() & theirs.keys()
    assert "greenlet" in shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    """What each row says of itself."""
    return dict(zip(PEERS, described(PEERS.values()), strict=True))


@pytest.fixture(scope="module")
def said(rows: dict[str, dict[str, str]]) -> dict[Cell, tuple[str, str]]:
    """Verdict and reason of the known cells of those that are installed."""
    return verdicts(
        {
            (PEERS[row], *cell.split("/")): verdict
            for row, cell, verdict, _ in KNOWN
            if "missing" not in rows[row]
        }
    )


@pytest.mark.parametrize("row", PEERS)
def test_a_row_is_there_or_its_package_is_not(rows: dict[str, dict[str, str]], row: str) -> None:
    """A peer is listed under its own name; what is missing is a package that really is not installed."""
    if "missing" not in rows[row]:
        assert rows[row]["name"] == row
        assert rows[row]["version"]
        return
    assert row not in ALWAYS_THERE
    package = rows[row]["missing"].rpartition("No module named ")[2].strip("'").partition(".")[0]
    assert find_spec(package) is None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known[0]}-{known[1]}")
def test_known_cells_come_out_as_known(
    rows: dict[str, dict[str, str]],
    said: dict[Cell, tuple[str, str]],
    known: tuple[str, str, str, str],
) -> None:
    """A cell that was measured by other means comes out the same; one whose package is missing is never judged."""
    row, cell, verdict, reason = known
    name, context = cell.split("/")
    if "missing" in rows[row]:
        assert (PEERS[row], name, context) not in said
        return
    came, told = said[PEERS[row], name, context]
    assert came == verdict, told
    assert reason in told

"""The figures of the bridges' benchmark as lines, and whether each target is met."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Batches = list[dict[str, Any]]
Cells = dict[str, dict[str, Batches]]

TITLES = {
    "no_loop": "a. no loop in the thread, no suspension",
    "suspending": "   the same, suspending once",
    "timeout": "   the same as a, with a timeout of 5 s that is not needed",
    "worker": "b. worker thread of a host loop",
    "portal": "c. inside of a portal, on the loop's own thread",
    "portal_suspending": "   the same, suspending once",
    "on_loop": "   on the loop's own thread, a plain call",
    "threads": "d. 8 threads without a loop, thousand calls a second",
}
INCLUDED = (
    "One call from outside, with two clock readings (0.1 us); every result is asserted, outside of the clock. Ours is "
    "Bridge.run itself; SQLAlchemy, greenback and nest_asyncio are called without their adapters, which would add a "
    "tenth or more; the others by adapters of one or two function calls (0.1 to 0.3 us). Host loop: asyncio."
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """At most (at least, for rates) this many times the peer's figure; without a peer, the best one's."""

    measure: str
    ratio: float
    peer: str = ""
    row: str = "shakeout"
    at_least: bool = False

    def told(self) -> str:
        """What is wanted."""
        word = "at least" if self.at_least else "at most"
        return f"{self.row}, {self.measure}: {word} {self.ratio:g} of {self.peer or 'the best peer'}"


TARGETS = (
    Target(measure="no_loop", ratio=0.5, peer="nest-asyncio"),
    Target(measure="no_loop", ratio=0.8, peer="nest-asyncio", row="shakeout-fallback"),
    Target(measure="suspending", ratio=1.1),
    Target(measure="portal", ratio=1.5, peer="sqlalchemy"),
    Target(measure="portal", ratio=1.0, peer="greenback"),
    Target(measure="timeout", ratio=0.6, peer="threadsafe"),
    Target(measure="threads", ratio=1.0, at_least=True),
)


def report(cells: Cells, *, ours: list[str], missing: list[str], silent: list[str]) -> tuple[list[str], bool]:
    """The lines, and whether no target was missed."""
    lines = [INCLUDED, ""]
    for measure, title in TITLES.items():
        lines += [*_table(measure, title, cells.get(measure, {}), ours), ""]
    floors = {name: rows["floor"] for name, rows in cells.items() if "floor" in rows}
    lines += ["floors, us" + " " * 30 + f"{'p50':>8} {'p99':>8}"]
    lines += [
        f"{name:40} {_median(row, 'p50'):8.2f} {_median(row, 'p99'):8.2f}" for name, row in floors.items()
    ]
    if missing:
        lines.append(f"not installed (make peers): {', '.join(missing)}")
    if silent:
        lines.append(f"did not start: {', '.join(silent)}")
    verdicts = [_judged(target, cells, ours, missing) for target in TARGETS]
    return [*lines, "", *(line for line, _ in verdicts)], all(kept for _, kept in verdicts)


def _table(measure: str, title: str, rows: dict[str, Batches], ours: list[str]) -> Iterator[str]:
    """One measure, the cheapest first."""
    rates = measure == "threads"
    unit = f"{'calls':>8} {'slowest':>8} {'fastest':>8}" if rates else f"{'p50 us':>8} {'p99 us':>8}"
    yield f"{title}\n{'':20} {unit} {'spread of rounds':>18} {'shakeout, of it':>22}"
    key = _key(measure)
    good = {name: batches for name, batches in rows.items() if "error" not in batches[-1]}
    for name in sorted(good, key=lambda name: _median(good[name], key), reverse=rates):
        batches = good[name]
        columns = ("rate", "slowest", "fastest") if rates else ("p50", "p99")
        figures = " ".join(f"{_median(batches, column):8.1f}" for column in columns)
        values = [batch[key] for batch in batches]
        spread = f"{min(values):.1f}..{max(values):.1f}"
        ratios = _ratios(good.get("shakeout", []), batches, key)
        of_it = "-"
        if ratios:
            ratio = _median(good["shakeout"], key) / _median(batches, key)
            of_it = f"{ratio:.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
        yield f"{name:20} {figures} {spread:>18} {of_it if name not in ours[:1] else '':>22}"
    for name, batches in rows.items():
        if name not in good:
            yield f"{name:20} {batches[-1]['error'].splitlines()[0][:90]}"


def _key(measure: str) -> str:
    return "rate" if measure == "threads" else "p50"


def _median(batches: Batches, key: str) -> float:
    return statistics.median(batch[key] for batch in batches)


def _ratios(ours: Batches, theirs: Batches, key: str) -> list[float]:
    """Round by round, sorted. Held are the medians': a round in which the machine turned slower spoils one ratio only."""
    return sorted(a[key] / b[key] for a, b in zip(ours, theirs, strict=False))


def _judged(target: Target, cells: Cells, ours: list[str], missing: list[str]) -> tuple[str, bool]:
    """One target in a line, and whether it is not missed; a row of ours without a figure misses."""
    rows = {
        name: batches for name, batches in cells.get(target.measure, {}).items() if "error" not in batches[-1]
    }
    mine = rows.get(target.row)
    if mine is None:
        return f"missed        {target.told()}: no figure of ours", False
    key = _key(target.measure)
    peers = {name: batches for name, batches in rows.items() if name not in ours}
    best: Callable[..., str] = max if target.at_least else min
    peer = target.peer or (best(peers, key=lambda name: _median(peers[name], key)) if peers else "")
    if peer not in peers:
        why = "the peer is not installed" if peer in missing or not peer else "the peer has no figure"
        return f"not measured  {target.told()}: {why}", True
    ratios = _ratios(mine, peers[peer], key)
    ratio = _median(mine, key) / _median(peers[peer], key)
    kept = ratio >= target.ratio if target.at_least else ratio <= target.ratio
    named = "" if target.peer else f" ({peer})"
    spread = f"{ratio:.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
    return f"{'met' if kept else 'missed':13} {target.told()}{named}: {spread}", kept

"""The terminal: a table of verdicts, then each violation with its evidence and the command that plays it again."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.verdict import ScenarioVerdict, Verdict

STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.INVALID: "bold yellow",
    Verdict.UNDECIDED: "yellow",
}
SHOWN_MAX = 3
"""How many violations of one invariant are shown; the rest are counted, and all are in the JSON."""


def plain(text: str) -> str:
    """One line of text whose every letter is seen: what is not printable, as an escape sequence, is spelled out as in Python."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def styled(verdict: Verdict) -> str:
    """A verdict in its colour."""
    return f"[{STYLES[verdict]}]{verdict}[/]"


def show_run(console: Console, results: Sequence[ScenarioVerdict]) -> None:
    """The table of a run, then what went wrong."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("scenario", "verdict", "control", "faults fired", "violations"):
        table.add_column(heading, no_wrap=heading == "scenario")
    table.add_column("seconds", justify="right")
    for result in results:
        fired = ", ".join(f"{name} x{count}" for name, count in result.faults_fired.items()) or "-"
        violated = ", ".join(sorted(result.invariants_violated)) or "-"
        elapsed = f"{result.elapsed_s:.1f}"
        table.add_row(result.name, styled(result.verdict), result.control, fired, violated, elapsed)
    console.print(table)
    for result in results:
        show_wrong(console, result)


def show_wrong(console: Console, result: ScenarioVerdict) -> None:
    """Why one scenario did not pass."""
    if result.verdict is Verdict.PASSED:
        return
    console.print(f"\n[bold]{escape(result.name)}[/] {styled(result.verdict)}")
    for reason in result.reasons:
        console.print(f"  {escape(plain(reason))}")
    for name in dict.fromkeys((violation.arm, violation.invariant) for violation in result.violations):
        same = [v for v in result.violations if (v.arm, v.invariant) == name]
        for violation in same[:SHOWN_MAX]:
            where = "" if violation.arm == "faulted" else f" (in the {violation.arm} run)"
            console.print(f"  [red]{violation.invariant}[/]{where}: {escape(plain(violation.message))}")
            console.print(f"    {escape(plain(violation.evidence))}", style="dim")
        if len(same) > SHOWN_MAX:
            console.print(f"    and {len(same) - SHOWN_MAX} more of it", style="dim")
    console.print(f"  again: {escape(result.replay)}")


def show_rows(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table; cells may carry markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, no_wrap=number == 0)
    for row in rows:
        table.add_row(*row)
    console.print(table)

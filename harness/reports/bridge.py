"""The matrix of bridges on a terminal: a row for each bridge, a letter for each property, then what went wrong."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from harness.bridges.results import BridgeResult, Cell, CellVerdict
from harness.reports.terminal import show_rows, styled
from harness.verdict import Verdict

LETTERS: Mapping[CellVerdict, str] = {
    CellVerdict.PASS: "[green].[/]",
    CellVerdict.FAIL: "[bold red]F[/]",
    CellVerdict.HANG: "[bold red]H[/]",
    CellVerdict.REFUSED: "[yellow]R[/]",
    CellVerdict.DECLARED: "[yellow]D[/]",
    CellVerdict.NOT_APPLICABLE: "[dim]-[/]",
    CellVerdict.INVALID: "[bold yellow]![/]",
}
LEGEND = (
    ". pass  F fail  H hang  R refused  D declared  - not applicable  ! invalid; the worst of all contexts\n"
    "a heading is a letter and its numbers: A123 are A1, A2 and A3"
)
TOLD = (CellVerdict.INVALID, CellVerdict.HANG, CellVerdict.FAIL, CellVerdict.DECLARED)
END_CHARACTERS = 80
CHANGING = re.compile(r"0x[0-9a-f]+|\d+")
"""What differs between reasons that are the same: addresses, numbers of tasks and threads."""


def show(console: Console, results: Sequence[BridgeResult], properties: Sequence[str]) -> None:
    """The table, what its letters mean, and each cell that needs a word."""
    groups = [(letter, list(names)) for letter, names in groupby(properties, key=lambda name: name[0])]
    headings = [letter + "".join(name[1:] for name in names) for letter, names in groups]
    tried = [result for result in results if not result.missing]
    rows = [
        (
            escape(result.name),
            *(" " + "".join(LETTERS[result.worst(name)] for name in names) for _, names in groups),
            str(result.count(CellVerdict.FAIL)),
            str(result.count(CellVerdict.HANG)),
            escape(result.version),
        )
        for result in tried
    ]
    if rows:
        show_rows(console, ("bridge", *headings, "failed", "hung", "version"), rows)
        console.print(LEGEND, style="dim")
    for result in tried:
        _show_told(console, result)
    _show_where_more_stands(console, tried)
    for result in results:
        if result.missing:
            console.print(f"\n[bold]{escape(result.name)}[/] not installed: {escape(result.missing)}")


def _show_told(console: Console, result: BridgeResult) -> None:
    """The cells of one bridge that need a word."""
    cells = [cell for cell in result.cells if cell.verdict in TOLD]
    if not cells and result.verdict is not Verdict.INVALID:
        return
    console.print(f"\n[bold]{escape(result.name)}[/] {styled(result.verdict)}")
    if not cells:
        _show_nothing_applied(console, result)
    same: dict[tuple[str, CellVerdict, str], list[Cell]] = {}
    for cell in cells:
        same.setdefault((cell.tried, cell.verdict, CHANGING.sub("", cell.reason)), []).append(cell)
    for (tried, verdict, _), alike in same.items():
        where = ", ".join(cell.context for cell in alike)
        console.print(f"  {tried}/{where} {verdict}: {escape(_reason(alike[0]))}")


def _show_nothing_applied(console: Console, result: BridgeResult) -> None:
    """Why no cell of a bridge could be judged."""
    same: dict[str, list[str]] = {}
    for cell in result.cells:
        same.setdefault(cell.reason, []).append(cell.name)
    for reason, names in same.items():
        console.print(f"  nothing applied: {escape(reason)} ({', '.join(names)})")


def _show_where_more_stands(console: Console, results: Sequence[BridgeResult]) -> None:
    """Where a reader finds what a property asks, and where a hang stood."""
    hung = sum(result.count(CellVerdict.HANG) for result in results)
    if not hung and not any(result.count(CellVerdict.FAIL) for result in results):
        return
    console.print()
    if hung:
        console.print("where a hang stood: --json FILE holds its stacks")
    console.print("what each asks: shakeout list properties")


def _reason(cell: Cell) -> str:
    """Its reason in one line, of a traceback the last one; of a long line both ends."""
    lines = cell.reason.strip().splitlines() or ["no reason was given"]
    line = lines[-1 if cell.verdict is CellVerdict.INVALID else 0]
    return (
        line if len(line) <= 2 * END_CHARACTERS else f"{line[:END_CHARACTERS]} ... {line[-END_CHARACTERS:]}"
    )

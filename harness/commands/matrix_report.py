"""What `shakeout matrix` says of what it has played: on the terminal, as JSON, as JUnit cases, and as a page."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.commands.common import out
from harness.matrix import CellResult, DefectResult, MatrixResult
from harness.reports import json_file, junit, terminal
from harness.verdict import Verdict

ORDER = (Verdict.FAILED, Verdict.INVALID, Verdict.UNDECIDED, Verdict.PASSED)
HEADINGS = ("defect", "class", "result", "scenarios", "right reasons", "needs", "other invariants")


def counted(number: int, what: str) -> str:
    """A number of things in words, such as `1 false alarm`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def show(result: MatrixResult, replay: str, console: Console = out) -> None:
    """Misses first, then what was caught by what; then each miss and each alarm with its evidence, and the count."""
    show_folded(console, HEADINGS, [_row(defect) for defect in ranked(result)])
    for defect, cell in wrong(result):
        _show_wrong(console, defect, cell)
    for clean in result.clean:
        terminal.show_wrong(console, clean)
    for line in remarks(result):
        console.print(escape(line))
    for witness, lost in result.classes_needing.items():
        console.print(
            f"classes that are not caught without the witness {witness}: {', '.join(lost) or 'none'}"
        )
    console.print(f"\n{terminal.styled(result.verdict)}: {escape(headline(result))}")
    if result.verdict is not Verdict.PASSED:
        console.print(f"again: {escape(replay)}")


def show_folded(console: Console, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A plain table in which no name is cut: one that is too long goes on in the next line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def ranked(result: MatrixResult) -> list[DefectResult]:
    """The defects, the worst first."""
    return sorted(result.defects, key=lambda defect: ORDER.index(defect.verdict))


def wrong(result: MatrixResult) -> Iterator[tuple[DefectResult, CellResult]]:
    """The cells that prove nothing, the worst first: of the defects that did not come out well, and all that missed."""
    found = [
        (defect, cell)
        for defect in result.defects
        for cell in defect.cells
        if cell.verdict is not Verdict.PASSED and (cell.declared or defect.verdict is not Verdict.PASSED)
    ]
    return iter(sorted(found, key=lambda one: ORDER.index(one[1].verdict)))


def said(defect: DefectResult, cell: CellResult) -> str:
    """What is to be said of a cell that did not catch its defect."""
    if cell.result.reasons:
        return "; ".join(cell.result.reasons)
    wanted = ", ".join(defect.wanted) or "no reason at all"
    return f"wanted {wanted}; what fired: {', '.join(cell.fired) or 'nothing, the run passed'}"


def remarks(result: MatrixResult) -> Iterator[str]:
    """What was not played, and why, a line each."""
    for name, reason in result.elsewhere.items():
        yield f"not applicable: {name}: {reason}"
    if result.unplayed:
        yield f"not in this stage, and not counted: {', '.join(result.unplayed)}"
    if result.unknown:
        yield f"declared by scenarios of the library, and no defects of this target: {', '.join(result.unknown)}"
    if free := [defect.name for defect in result.defects if not defect.owed and not defect.caught]:
        yield f"declared by none of these scenarios, played, and not counted as missed: {', '.join(free)}"


def headline(result: MatrixResult) -> str:
    """How many were caught, how many were not, and what that was played with."""
    owed = [defect for defect in result.defects if defect.owed or defect.caught]
    counts = Counter(defect.verdict for defect in owed)
    words = {Verdict.FAILED: "missed", Verdict.INVALID: "invalid", Verdict.UNDECIDED: "undecided"}
    parts = [f"{counts[Verdict.PASSED]} of {len(owed)} caught"]
    parts += [f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict]]
    parts.append(
        f"{counted(len(result.false_alarms), 'false alarm')} in {counted(len(result.clean), 'clean scenario')}"
    )
    parts.append(" and ".join(dict.fromkeys(result.stage_of.values())))
    seeds = sorted({clean.seed for clean in result.clean})
    parts.append(f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")
    return ", ".join(parts)


def _row(defect: DefectResult) -> tuple[str, ...]:
    """One defect as a line of the table: what is wrong with it, where anything is."""
    unclear = tuple(cell.scenario for cell in defect.cells if cell.verdict is defect.verdict)
    scenarios = defect.by if defect.verdict is Verdict.PASSED else unclear or defect.played
    return (
        escape(defect.name),
        escape(defect.incident_class) or "-",
        _result(defect),
        escape(", ".join(scenarios)) or "no scenario declares it",
        escape(", ".join(defect.reasons)) or "-",
        ", ".join(defect.needs) or "-",
        escape(", ".join(defect.others)) or "-",
    )


def _result(defect: DefectResult) -> str:
    """What became of a defect, in its colour."""
    if defect.verdict is Verdict.FAILED:
        return "[bold red]MISSED[/]"
    if defect.verdict is not Verdict.PASSED:
        return terminal.styled(defect.verdict)
    return "[green]caught[/]" if defect.caught else "not declared"


def _show_wrong(console: Console, defect: DefectResult, cell: CellResult) -> None:
    """One cell that did not catch its defect: why, what the run found instead, and how to play it again."""
    what = "[bold red]MISSED[/]" if cell.verdict is Verdict.FAILED else terminal.styled(cell.verdict)
    console.print(f"\n[bold]{escape(defect.name)} in {escape(cell.scenario)}[/] {what}, {cell.stage}")
    console.print(f"  {escape(said(defect, cell))}")
    for violation in cell.result.violations[: terminal.SHOWN_MAX]:
        console.print(f"  [red]{escape(violation.invariant)}[/]: {escape(violation.message)}")
        console.print(f"    {escape(violation.evidence)}", style="dim")
    console.print(f"  again: {escape(cell.result.replay)}")


def body(result: MatrixResult) -> dict[str, object]:
    """The part of the document that is the matrix's own."""
    return {
        "defects": [_defect_document(defect) for defect in result.defects],
        "cells": [_cell_document(defect, cell) for defect in result.defects for cell in defect.cells],
        "classes_needing": {name: list(lost) for name, lost in result.classes_needing.items()},
        "false_alarms": list(result.false_alarms),
        "scenarios": [json_file.scenario_document(clean) for clean in result.clean],
        "not_applicable": dict(result.elsewhere),
        "defects_not_in_this_stage": list(result.unplayed),
        "defects_unknown": list(result.unknown),
    }


def _defect_document(defect: DefectResult) -> dict[str, object]:
    """One defect as it stands in `defects[]`."""
    return {
        "name": defect.name,
        "class": defect.incident_class,
        "verdict": str(defect.verdict),
        "caught": defect.caught,
        "by": list(defect.by),
        "missed_by": list(defect.missed_by),
        "reasons": list(defect.reasons),
        "others": list(defect.others),
        "played": list(defect.played),
        "needs": list(defect.needs),
    }


def _cell_document(defect: DefectResult, cell: CellResult) -> dict[str, object]:
    """One cell as it stands in `cells[]`; its verdict is that of the run, which fails where the defect is caught."""
    return {
        "scenario": cell.scenario,
        "defect": defect.name,
        "stage": cell.stage,
        "verdict": str(cell.result.verdict),
        "declared": cell.declared,
        "caught": cell.caught,
        "fired": list(cell.fired),
        "right": list(cell.right),
        "reasons": list(cell.result.reasons),
        "replay": cell.result.replay,
    }


def cases(result: MatrixResult) -> list[junit.Case]:
    """A case for each cell and each clean scenario, and one for each defect that nothing was played with or caught."""
    found = [_cell_case(defect, cell) for defect in result.defects for cell in defect.cells]
    found += [
        junit.Case(
            suite="defects",
            name=defect.name,
            verdict=defect.verdict,
            message=f"no scenario failed for a reason that {defect.name} names",
            details=f"played: {', '.join(defect.played) or 'nothing, no scenario declares it'}",
        )
        for defect in result.defects
        if defect.verdict is not Verdict.PASSED and not any(cell.declared for cell in defect.cells)
    ]
    return [*found, *map(junit.scenario_case, result.clean)]


def _cell_case(defect: DefectResult, cell: CellResult) -> junit.Case:
    """One cell as a case: missed is a failure, and what says nothing is an error where anything was owed."""
    lines = [f"{each.invariant}: {each.message}\n    {each.evidence}" for each in cell.result.violations]
    return junit.Case(
        suite="defects",
        name=f"{defect.name} in {cell.scenario}",
        verdict=cell.verdict,
        message="" if cell.verdict is Verdict.PASSED else said(defect, cell),
        details="\n".join([*lines, f"replay: {cell.result.replay}"]),
        elapsed_s=cell.result.elapsed_s,
    )


def page(result: MatrixResult, title: str, replay: str) -> dict[str, object]:
    """What the page is told: the headline, then the rows, the worst first."""
    return {
        "title": title,
        "verdict": str(result.verdict),
        "headline": headline(result),
        "wrong": [(defect, cell, said(defect, cell)) for defect, cell in wrong(result)],
        "nowhere": [one for one in ranked(result) if one.verdict is Verdict.FAILED and not one.missed_by],
        "unwell": [clean for clean in result.clean if clean.verdict is not Verdict.PASSED],
        "defects": ranked(result),
        "cells": {defect.name: {cell.scenario: cell for cell in defect.cells} for defect in result.defects},
        "columns": list(result.stage_of.items()),
        "needing": result.classes_needing,
        "remarks": list(remarks(result)),
        "replay": replay,
    }

"""`shakeout load`: the target under load, judged by the success criteria as gates."""

from typing import Annotated

import typer

from harness.commands.aim import check_signed, named, resolve
from harness.commands.common import (
    Defect,
    Histories,
    JsonFile,
    JunitFile,
    Quiet,
    Seed,
    Target,
    check_places,
    out,
    progress,
    seconds,
    wait_for,
)
from harness.gates.result import HEADINGS
from harness.load.options import REQUESTS, LoadOptions
from harness.load.report import LoadReport
from harness.load.run import load
from harness.reports import json_file, junit, terminal
from harness.runner import SEED
from harness.verdict import Verdict


def command(
    *,
    requests: Annotated[
        int | None, typer.Option(help=f"Stop after so many turns; {REQUESTS} by default.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop after so long instead: 90s, 5m, 1h.")
    ] = None,
    users: Annotated[int, typer.Option(help="Users, each in conversations of several turns.")] = 20,
    seed: Seed = SEED,
    defect: Defect = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    history: Histories = None,
    quiet: Quiet = False,
) -> None:
    """Put the target under load with Locust, and judge it: exact bounds, log against wire, per request."""
    check_places(json, junit_xml, history)
    options = LoadOptions(
        requests=requests,
        for_s=None if duration is None else seconds(duration),
        users=users,
        seed=seed,
        defects=tuple(defect or ()),
        profile=check_signed(resolve(target)),
        target=named(target),
    )
    with progress("starting", quiet=quiet) as say:
        report = wait_for(load(options, keep=history, say=say))
    if not quiet:
        _show(report)
    if json is not None:
        json_file.write(json, report.to_json())
    if junit_xml is not None:
        junit.write(junit_xml, _cases(report))
    raise typer.Exit(report.verdict.exit_code)


def _show(report: LoadReport) -> None:
    """The gates, then what the run says as a whole."""
    rows = [(name, terminal.styled(Verdict(verdict)), *rest) for name, verdict, *rest in report.rows()]
    terminal.show_rows(out, HEADINGS, rows)
    for reason in report.reasons:
        out.print(f"  {reason}", markup=False)
    missing = f"; {report.missing:,} more requests are needed to decide" if report.missing else ""
    took = (
        f"{report.requests:,} requests in {report.elapsed_s:.1f} s, {report.users} users, seed {report.seed}"
    )
    out.print(f"\n{terminal.styled(report.verdict)}: {took}{missing}")
    if report.verdict is not Verdict.PASSED:
        out.print(f"again: {report.replay}", markup=False)


def _cases(report: LoadReport) -> list[junit.Case]:
    """A case a gate, and one for the run where it cannot be trusted."""
    cases = [
        junit.Case(
            suite="gates",
            name=gate.name,
            verdict=gate.verdict,
            message=gate.message,
            details=f"replay: {report.replay}",
        )
        for gate in report.gates
    ]
    if report.reasons:
        reasons = "\n".join(report.reasons)
        first = report.reasons[0]
        cases.append(
            junit.Case(
                suite="gates", name="validity", verdict=Verdict.INVALID, message=first, details=reasons
            )
        )
    return cases

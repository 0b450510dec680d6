"""`shakeout load`: the target under load, judged by gates on the wire and in its log."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from harness import library
from harness.commands import configured
from harness.commands.aim import named, resolve
from harness.commands.common import (
    Defect,
    Histories,
    HtmlFile,
    JsonFile,
    JunitFile,
    Quiet,
    Seed,
    Target,
    check_places,
    output,
    progress,
    seconds,
)
from harness.commands.load_modes import KNEE_S_MAX, Mode, carried_out
from harness.commands.load_report import Outputs, show_plan
from harness.errors import UsageError
from harness.gates.criterion import Criterion
from harness.gates.grammar import parse
from harness.load.arrivals import ARRIVALS
from harness.load.options import MAX_S, RATE_PER_S, REQUESTS, LoadOptions
from harness.load.phases import Phase
from harness.load.run import Load
from harness.runner import SEED
from harness.scenario import Scenario

Requests = Annotated[
    int | None, typer.Option(help=f"Stop after so many requests; {REQUESTS} where no end is given.")
]
Duration = Annotated[str | None, typer.Option("--for", help="Stop after so long: 90s, 5m, 1h.")]
Decided = Annotated[
    bool, typer.Option("--until-decided", help="Stop as soon as every gate is decided, by a sequential test.")
]
Longest = Annotated[
    str | None,
    typer.Option(
        "--max",
        help="With --until-decided: stop after so long in any case; with --find-knee, each rate.",
        show_default=f"{MAX_S:g}s, and {KNEE_S_MAX:g}s with --find-knee",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(help="Requests a second, whatever became of those before.", show_default=f"{RATE_PER_S:g}"),
]
Users = Annotated[
    int | None, typer.Option(help="Instead of a rate: so many users, each waits for its answers.")
]
Arrivals = Annotated[str, typer.Option(help=f"How requests are due: {' or '.join(ARRIVALS)}.")]
Phases = Annotated[
    list[str] | None,
    typer.Option(
        "--phase", metavar="'NAME TIME RATE'", help="A part of the run, such as 'ramp 30s 5..50/s'."
    ),
]
Gates = Annotated[
    list[str] | None,
    typer.Option(
        "--gate", help="Judge by this instead of the success criteria, such as 'p99 @phase=ramp < 2s'."
    ),
]
Workers = Annotated[int, typer.Option(help="Generators that share the requests, each a process.")]
Bind = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Wait there for generators that are started elsewhere, on locustfile.py."
    ),
]
Streams = Annotated[bool, typer.Option("--streams", help="Ask for streams: gates may be about ttft_p95.")]
WithoutLog = Annotated[
    bool, typer.Option("--without-log", help="Leave the gates on the log out, where it cannot be had.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Say what a verdict needs, and send nothing.")]
FindKnee = Annotated[
    bool, typer.Option("--find-knee", help="Look for the highest rate that passes, from --rate upwards.")
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        parser=output,
        metavar="FOLDER",
        help="What --history of an earlier load kept: what became worse fails.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(metavar="TARGET", help="Take turns with this target, A B B A: what is worse in it fails."),
]
Faults = Annotated[
    str | None, typer.Option("--scenario", help="Its faults are there in the phase during.", metavar="NAME")
]


def command(
    *,
    requests: Requests = None,
    duration: Duration = None,
    until_decided: Decided = False,
    longest: Longest = None,
    rate: Rate = None,
    users: Users = None,
    arrivals: Arrivals = ARRIVALS[0],
    phase: Phases = None,
    gate: Gates = None,
    workers: Workers = 1,
    bind: Bind = "",
    streams: Streams = False,
    without_log: WithoutLog = False,
    scenario: Faults = None,
    plan: Plan = False,
    knee: FindKnee = False,
    baseline: Baseline = None,
    against: Against = None,
    seed: Seed = SEED,
    defect: Defect = None,
    target: Target = None,
    json: JsonFile = None,
    junit_xml: JunitFile = None,
    html: HtmlFile = None,
    history: Histories = None,
    quiet: Quiet = False,
) -> None:
    """Put the target under load with Locust, and judge it: exact bounds, log against wire, per request."""
    options = _options(locals())  # each option by its name
    if plan:
        show_plan(options)
        return
    check_places(json, junit_xml, history, html, read=[target, against])
    other = None if against is None else replace(options, profile=resolve(against), target=named(against))
    mode = Mode(baseline=baseline, against=other, knee=knee, gates=options.gates)
    outputs = Outputs(json=json, junit=junit_xml, html=html, quiet=quiet)
    with progress("starting", quiet=quiet) as say:
        verdict = carried_out(options, mode, Load(keep=history, say=say, partial=outputs.give), outputs)
    raise typer.Exit(verdict.exit_code)


def _options(given: Mapping[str, Any]) -> LoadOptions:
    """What the options say, each held to what there is.

    Raises:
        UsageError: one of them cannot be done.
    """
    return LoadOptions(
        requests=given["requests"],
        for_s=None if given["duration"] is None else seconds(given["duration"]),
        until_decided=given["until_decided"],
        max_s=_longest(given),
        rate_per_s=given["rate"],
        users=given["users"],
        arrivals=given["arrivals"],
        phases=tuple(map(Phase.of, given["phase"] or ())),
        workers=given["workers"],
        bind=_place(given["bind"]),
        gates=_gates(given["gate"]),
        streams=given["streams"],
        without_log=given["without_log"],
        scenario=_scenario(given["scenario"]),
        seed=given["seed"],
        defects=tuple(given["defect"] or ()),
        profile=resolve(given["target"]),
        target=named(given["target"]),
    )


def _longest(given: Mapping[str, Any]) -> float:
    """After how long a run ends that has no other end.

    Raises:
        UsageError: it has one.
    """
    if given["longest"] is None:
        return KNEE_S_MAX if given["knee"] else MAX_S
    if not given["until_decided"] and (not given["knee"] or given["duration"] is not None):
        raise UsageError(
            "--max is for --until-decided and --find-knee; say when any other run ends with --for"
        )
    return seconds(given["longest"], "--max")


def _gates(given: list[str] | None) -> tuple[Criterion, ...]:
    """The gates that were given, else those of the project; empty for the success criteria.

    Raises:
        GateSyntaxError: one cannot be read.
    """
    return tuple(map(parse, given or configured.gates()))


def _scenario(name: str | None) -> Scenario | None:
    """The scenario whose faults are to be there.

    Raises:
        UsageError: there is none of this name, there are several, or it has no fault.
    """
    if name is None:
        return None
    found = library.find([name])
    if len(found) != 1 or not found[0].faults:
        raise UsageError(f"--scenario {name}: give one scenario that has faults; see shakeout list scenarios")
    return found[0]


def _place(bind: str) -> str:
    """Where generators are waited for.

    Raises:
        UsageError: it is no host and port.
    """
    host, _, port = bind.rpartition(":")
    if bind and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise UsageError(f"--bind {bind}: give a host and a port, such as 0.0.0.0:5557")
    return bind

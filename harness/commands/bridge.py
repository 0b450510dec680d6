"""`shakeout bridge`: bridges from sync code into async code against their properties, and under stress."""

import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.markup import escape

from harness.bridges import stress as stressing
from harness.bridges.kit import JOBS, ON_LOOP_AT_ALL, Asked, Kit, describe
from harness.bridges.peers import PEERS
from harness.bridges.property import Property, catalog
from harness.bridges.results import BridgeResult, CellVerdict
from harness.commands.common import (
    JsonFile,
    Quiet,
    Seed,
    check_places,
    interruptible,
    out,
    progress,
    wait_for,
)
from harness.errors import UsageError
from harness.reports import bridge as report
from harness.reports import json_file
from harness.reports.terminal import styled
from harness.runner import SEED
from harness.verdict import Verdict

OURS: Mapping[str, str] = MappingProxyType(
    {
        "shakeout": "reference_app.conformance:Shakeout",
        "shakeout-block": "reference_app.conformance:ShakeoutBlock",
    }
)
"""The bridge that comes with the harness, with each of its policies on a loop's own thread."""


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="MODULE:NAME of an adapter, or a row's name; ours and every peer by default."),
    ] = None,
    *,
    properties: Annotated[
        list[str] | None, typer.Option("--property", metavar="ID", help="Try this one only; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many cells are played at the same time.")] = JOBS,
    stress: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Make N mixed calls instead, from several threads.")
    ] = None,
    seed: Seed = SEED,
    json: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Judge bridges from sync code into async code; the exit code is about those that are named, else about ours."""
    check_places(json, None, None)
    chosen = asked(names or [])
    again = _again(names or [], properties or [], stress, seed)
    if stress is not None:
        # A stress of every peer would take hours: without a name it is about ours alone.
        ours = [bridge for bridge in chosen if bridge.required]
        verdict, document = _stress(ours, stress, seed=seed, quiet=quiet)
    else:
        verdict, document = _judge(chosen, properties or [], jobs=jobs, quiet=quiet)
    if not quiet and verdict is not Verdict.PASSED:
        out.print(f"again: {again}", markup=False)
    if json is not None:
        kind = "bridge" if stress is None else "bridge_stress"
        head = json_file.document(kind, verdict, again, python=platform.python_version())
        json_file.write(json, {**head, "bridges": document})
    raise typer.Exit(verdict.exit_code)


def asked(names: Sequence[str]) -> list[Asked]:
    """The bridges of these names; ours and every peer where there is none, and then the peers may be missing.

    Raises:
        UsageError: a name is no row and no import string.
    """
    if not names:
        ours = [Asked(spec=spec, name=name, required=True) for name, spec in OURS.items()]
        return ours + [Asked(spec=spec, name=name, required=False) for name, spec in PEERS.items()]
    rows = {**OURS, **PEERS}
    named: dict[str, str] = {}
    for name in dict.fromkeys(names):
        module, _, attribute = name.partition(":")
        if name not in rows and not (module and attribute):
            raise UsageError(
                f"{name!r} is no bridge: give MODULE:NAME of an adapter, or one of {', '.join(rows)}"
            )
        named.setdefault(rows.get(name, name), name)
    return [Asked(spec=spec, name=name, required=True) for spec, name in named.items()]


def _again(names: Sequence[str], properties: Sequence[str], stress: int | None, seed: int) -> str:
    """The command that does the same again.

    Raises:
        UsageError: two of the options exclude each other.
    """
    chosen = [f"--property={name}" for name in properties]
    if stress is not None and chosen:
        raise UsageError("--property chooses among cells, and --stress plays none; leave one of the two out")
    how = chosen if stress is None else ["--stress", str(stress), "--seed", str(seed)]
    return shlex.join(["shakeout", "bridge", *names, *how])


def _chosen(names: Sequence[str]) -> dict[str, Property]:
    """The properties of these ids, all by default."""
    every = catalog()
    if unknown := [name for name in names if name not in every]:
        raise UsageError(f"{unknown[0]!r} is no property; there are: {', '.join(every)}")
    return {name: tried for name, tried in every.items() if not names or name in names}


def _judge(
    bridges: Sequence[Asked], names: Sequence[str], *, jobs: int, quiet: bool
) -> tuple[Verdict, list[Mapping[str, Any]]]:
    """Play the cells, show the matrix: the verdict on the bridges that the exit code is about, and every row."""
    properties = _chosen(names)
    with progress("starting", quiet=quiet) as say:
        kit = Kit(properties, on_loop=catalog()[ON_LOOP_AT_ALL], jobs=jobs, progress=say)
        results = wait_for(kit.judge(bridges))
    required = {bridge.spec for bridge in bridges if bridge.required}
    judged = [result for result in results if result.spec in required]
    verdict = Verdict.worst(result.verdict for result in judged)
    if not quiet:
        report.show(out, results, list(properties))
        out.print(f"\n{styled(verdict)}: {escape(_counted(judged))}")
    return verdict, [result.document() for result in results]


def _counted(results: Sequence[BridgeResult]) -> str:
    """What the verdict is about, in figures."""
    wrong = [
        f"{sum(result.count(verdict) for result in results)} {word}"
        for verdict, word in (
            (CellVerdict.FAIL, "failed"),
            (CellVerdict.HANG, "hung"),
            (CellVerdict.INVALID, "invalid"),
        )
    ]
    judged = sum(result.judged for result in results)
    idle = sum(result.count(CellVerdict.NOT_APPLICABLE) for result in results)
    about = ", ".join(result.name for result in results)
    return f"{about}: {', '.join(wrong)}; {judged} judged, {idle} not applicable"


def _stress(
    bridges: Sequence[Asked], calls: int, *, seed: int, quiet: bool
) -> tuple[Verdict, list[Mapping[str, Any]]]:
    """Make the calls through one bridge after the other: the worst verdict, and every result."""
    results = []
    with progress("starting", quiet=quiet) as say:
        wait_for(_describe(bridges))
        with interruptible():
            for bridge in bridges:
                told = _told(say, bridge.name, calls)
                results.append(stressing.run(bridge.spec, calls, seed=seed, progress=told))
    for bridge, result in () if quiet else zip(bridges, results, strict=True):
        out.print(f"[bold]{escape(bridge.name)}[/]")
        for line in result.lines():
            out.print(line, markup=False)
    return Verdict.worst(result.verdict for result in results), [result.as_json() for result in results]


async def _describe(bridges: Sequence[Asked]) -> None:
    """Ask each what it is, so that one that is none is told in one line before anything is played."""
    for bridge in bridges:
        await describe(bridge)


def _told(say: Callable[[str], None], name: str, calls: int) -> Callable[[int], None]:
    """What tells of the calls that were made."""
    return lambda made: say(f"{name}: {made:,} of {calls:,} calls")

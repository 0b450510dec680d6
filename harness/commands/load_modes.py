"""What a load can be for: a verdict, a comparison with an earlier run or with another target, or the highest rate."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from harness.commands.common import out, wait_for
from harness.commands.load_report import Outputs, show_knee
from harness.errors import UsageError
from harness.gates import GateResult, baseline
from harness.gates.criteria import by_log, split
from harness.gates.criterion import INCREASES, Criterion
from harness.gates.verdicts import Watch
from harness.load.compared import Measure, abba, before, blocks, check_measure, read_frames
from harness.load.frames import Run
from harness.load.knee import Knee, find_knee
from harness.load.options import LoadOptions
from harness.load.phases import RATE_MAX
from harness.load.report import LoadReport
from harness.load.run import Load
from harness.load.watching import seen
from harness.reports import json_file
from harness.verdict import Verdict

KNEE_S_MAX = 120.0
"""So long one step of a search for the highest rate may take, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What is wanted of a run beside its verdict: at most one of these."""

    baseline: Path | None
    against: LoadOptions | None
    knee: bool
    gates: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.baseline is None and any(gate.op == INCREASES for gate in self.gates):
            raise UsageError(
                "what increases does so against a baseline: give --baseline with a gate of `increases`"
            )
        if self.against is not None and any(map(by_log, self.against.asked)):
            raise UsageError("--against compares what two targets answer: leave gates on a log out")
        if sum((self.baseline is not None, self.against is not None, self.knee)) > 1:
            raise UsageError("--baseline, --against and --find-knee are three questions: ask one of them")


def carried_out(options: LoadOptions, mode: Mode, how: Load, outputs: Outputs) -> Verdict:
    """Run what is asked for, show it, and write it; what it says as a whole."""
    if mode.knee:
        return _knee(options, how, outputs)
    if mode.against is not None:
        report = wait_for(_turns(options, mode.against, how))
    elif mode.baseline is not None:
        report = _measured(options, mode.baseline, how)
    else:
        report = wait_for(how.run(options))
    outputs.give(report)
    return report.verdict


def _measured(options: LoadOptions, place: Path, how: Load) -> LoadReport:
    """A run, and what became worse since an earlier one."""
    if how.keep is not None and how.keep.resolve() == (place if place.is_dir() else place.parent).resolve():
        raise UsageError(f"--history {how.keep}: is what --baseline reads; choose another name")
    old = read_frames(place)
    check_measure(place, options.model)
    if old.log is None and (trends := [str(gate) for gate in options.asked if gate.op == INCREASES]):
        raise UsageError(
            f"{trends[0]}: the baseline {place} has no log; leave the gate out, or give --without-log"
        )
    replay = f"{options.replay} --baseline {shlex.quote(str(place))}"
    measuring = replace(
        how,
        before=before(old, options.profile.contract.completion_event),
        partial=lambda report: how.partial(replace(report, replay=replay)),
    )
    report = wait_for(measuring.run(options))
    compared = baseline.compare(blocks(old), blocks(report.run))
    return replace(report, gates=(*report.gates, *compared), replay=replay, baseline=old)


async def _turns(options: LoadOptions, other: LoadOptions, how: Load) -> LoadReport:
    """Two targets that take turns, A B B A; what is worse in the second is what fails.

    Only what both answer is compared: the log is left out.
    """
    turn = 0
    replay = f"{options.replay} --against {shlex.quote(other.target)}"

    def measure(one: LoadOptions) -> Measure:
        async def run() -> LoadReport:
            nonlocal turn
            turn += 1
            here = turn
            taken = replace(
                how,
                keep=None if how.keep is None else how.keep / f"turn{here}",
                say=lambda text: how.say(f"turn {here} of 4: {text}"),
                partial=lambda report: how.partial(
                    replace(report, replay=replay, unwitnessed=_waived(options))
                ),
            )
            return await taken.run(replace(one, without_log=True))

        return run

    found = await abba(measure(options), measure(other))
    return LoadReport(
        seed=options.seed,
        model=f"{options.profile.name}, then {other.profile.name} twice, then {options.profile.name}",
        gates=(*_own(other, found.after), *baseline.compare(blocks(found.before), blocks(found.after))),
        replay=replay,
        run=found.after,
        reasons=found.reasons,
        unwitnessed=_waived(options),
        baseline=found.before,
    )


def _waived(options: LoadOptions) -> tuple[str, ...]:
    """The gates that the user gave, and has left out with the log."""
    return tuple(map(str, split(options.gates, without_log=options.without_log)[1]))


def _own(options: LoadOptions, run: Run) -> tuple[GateResult, ...]:
    """What the gates that the user gave say of the second target."""
    return Watch(criteria=options.asked, watched=False).look(seen(run))


def _check_knee(options: LoadOptions, outputs: Outputs) -> None:
    """Refuse what a search for the highest rate has no use for."""
    if options.users is not None or options.phases or options.scenario is not None:
        raise UsageError(
            "--find-knee tries one rate after the other: leave --users, --phase and --scenario out"
        )
    if options.requests is not None or options.until_decided:
        raise UsageError(
            "--find-knee ends each rate when it is decided, after --for at the latest: "
            "leave --requests and --until-decided out"
        )
    if outputs.junit is not None or outputs.html is not None:
        raise UsageError("--find-knee writes its steps as --json: leave --junit and --html out")


def _knee(options: LoadOptions, how: Load, outputs: Outputs) -> Verdict:
    """Steps under the same gates, each ended as soon as it is decided."""
    _check_knee(options, outputs)
    max_s = options.for_s or options.max_s
    decided = replace(options, for_s=None, until_decided=True, max_s=max_s)
    waived = list(_waived(options))

    async def measure(rate_per_s: float) -> LoadReport:
        keep = None if how.keep is None else how.keep / f"{rate_per_s:g}"
        quick = replace(
            how,
            keep=keep,
            say=lambda text: how.say(f"{rate_per_s:g} a second: {text}"),
            partial=lambda _: None,
        )
        report = await quick.run(replace(decided, rate_per_s=rate_per_s))
        waived[:] = report.unwitnessed
        return report

    again = f"{replace(options, for_s=max_s, rate_per_s=options.rate).replay} --find-knee"

    def give(knee: Knee) -> None:
        told = {**knee.to_json(seed=options.seed, replay=again), "unwitnessed": waived}
        if not outputs.quiet:
            show_knee(knee, waived)
            out.print(f"again: {again}", markup=False)
        if outputs.json is not None:
            json_file.write(outputs.json, told)

    knee = wait_for(find_knee(measure, start_per_s=options.rate, most_per_s=RATE_MAX, partial=give))
    give(knee)
    return knee.verdict

"""What a sweep plays: which faults on which drills, and which have nothing to break here, with the reason."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.history import History, Probe
from harness.registry import CAPABILITIES, FAULTS, OBSERVED, calibrates, drill_of, needs_of, stages_of
from harness.rig import Fault, Window
from harness.scenario import Scenario
from harness.targets.profile import Profile
from harness.variants import variants

JOBS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fault on one drill: `label` is its name with the knobs that are not their defaults."""

    label: str
    fault: Fault
    drill: Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be played, and which faults have nothing here that they could break, with the reason.

    `names` are those that were asked for; none asked for all.
    """

    trials: tuple[Trial, ...]
    not_applicable: Mapping[str, str]
    names: tuple[str, ...] = ()


def jobs_max(profile: Profile) -> int:
    """How many trials may be played at a time: one, where all of them would meet in one process or in one log."""
    shared = profile.url or (profile.log and "{directory}" not in profile.log)
    return 1 if shared else JOBS_MAX


def planned(profile: Profile, stage: str, drills: Mapping[str, Scenario], names: Sequence[str]) -> Plan:
    """The trials of the faults that are named (by name, plane or label; all for none) on the drills that fit them.

    Raises:
        UsageError: a name is that of no fault.
    """
    if "" in names:
        raise UsageError("a fault has an empty name; leave it out for all, see shakeout list faults")
    trials: list[Trial] = []
    elsewhere: dict[str, str] = {}
    for fault in sorted((one for kind in FAULTS.values() for one in variants(kind)), key=_telling):
        label = labelled(fault)
        if not any(_called(fault, label, wanted) for wanted in names or [""]):
            continue
        if reason := _not_applicable(fault, profile, stage):
            elsewhere[label] = reason
        else:
            drill = drills[drill_of(fault)]
            trials.append(Trial(label=label, fault=fitted(fault, profile, stage), drill=drill))
    for wanted in names or [""]:
        _check_played(wanted, trials, elsewhere)
    return Plan(trials=tuple(trials), not_applicable=elsewhere, names=tuple(names))


def _telling(fault: Fault) -> tuple[bool, float]:
    """The provider's faults first, since most incidents are theirs; of one plane those that take least time."""
    return fault.name.partition(".")[0] != "provider", lasts_s(fault)


def lasts_s(fault: Any) -> float:
    """The longest time that a fault names, in seconds; 0 where it names none."""
    named = (getattr(fault, item.name) for item in dataclasses.fields(fault) if item.name.endswith("_s"))
    return max((float(value) for value in named if isinstance(value, int | float)), default=0.0)


def fitted(fault: Any, profile: Profile, stage: str) -> Fault:
    """The fault for a stage with what it leaves to the profile: knobs that are called as a key there, and empty.

    What a fault leaves to the contract it takes by itself, in its `fitted_to`.
    """
    known = {"worker": profile.worker, "ready": profile.ready or ""}
    left = {name: value for name, value in known.items() if getattr(fault, name, None) == ""}
    whole: Any = replace(fault, **left)
    fitted_whole: Fault = whole.fitted_to(profile.contract, stage) if hasattr(whole, "fitted_to") else whole
    return fitted_whole


def _called(fault: Fault, label: str, wanted: str) -> bool:
    """Whether a fault is meant by a name, a plane or a label; by nothing all are."""
    return wanted in ("", fault.name, fault.name.partition(".")[0], label)


def _check_played(wanted: str, trials: Sequence[Trial], elsewhere: Mapping[str, str]) -> None:
    """Refuse what was asked for by name and is not played: who asked would take the rest for it.

    Raises:
        UsageError: no fault is called so, or none that is can be played.
    """
    if any(_called(trial.fault, trial.label, wanted) for trial in trials):
        return
    unfit = {
        label: why
        for label, why in elsewhere.items()
        if wanted in ("", label, label.partition("(")[0], label.partition(".")[0])
    }
    if unfit and trials:
        raise UsageError(f"cannot be played: {_reasons(unfit)}; leave {wanted} out")
    if unfit:
        raise UsageError(f"nothing to play: {_reasons(unfit)}")
    raise UsageError(_unknown(wanted))


def _unknown(wanted: str) -> str:
    """That nothing is called so: what a sweep plays of the fault that may be meant, or the name that is most like it."""
    name, known = wanted.partition("(")[0], {kind.name: kind for kind in FAULTS.values()}
    if name in known:
        played = [labelled(one) for one in variants(known[name])]
        return f"a sweep plays no {wanted}: of {name} it plays {', '.join(played)}"
    close = difflib.get_close_matches(
        name, [*known, *{one.partition(".")[0] for one in known}], n=1, cutoff=0.8
    )
    meant = f"did you mean {close[0]}?" if close else "`shakeout list faults` names those that there are"
    return f"no fault is called {wanted}; {meant}"


def _reasons(unfit: Mapping[str, str]) -> str:
    """Why they are not played: one reason, and of how many faults."""
    label, reason = min(unfit.items())
    more = f"; {len(unfit) - 1} more for a like reason" if len(unfit) > 1 else ""
    return f"{label}: {reason}{more}"


def _not_applicable(fault: Fault, profile: Profile, stage: str) -> str:
    """Why the fault cannot be played against the target in the stage; empty where it can."""
    if calibrates(fault):
        return "is there to prove an oracle: no target withstands it"
    if stage not in stages_of(fault):
        because = getattr(fault, "because", "")
        return f"is played {' or '.join(stages_of(fault))}" + (f": {because}" if because else "")
    return _missing(fault, profile.capabilities | OBSERVED)


def _missing(fault: Fault, has: frozenset[str]) -> str:
    """What the fault needs and the target has not; empty where there is nothing of that."""
    return "; ".join(f"needs {name}: {CAPABILITIES[name]}" for name in sorted(needs_of(fault) - has))


def settled(plan: Plan, profile: Profile, controls: Sequence[History]) -> Plan:
    """The plan without the trials that need what was not seen when there was no fault; maybe none is left."""
    calls = [call for history in controls for call in history.calls]
    probes = [probe for history in controls for probe in history.of(Probe)]
    printed = ("stdout" if profile.log else "app", "access")
    seen = {
        "factory": any(probe.from_factory for probe in probes),
        "worker_threads": any(probe.worker_threads for probe in probes),
        "output": any(record.source in printed for history in controls for record in history.logs),
        "scores": any(call.confidence is not None for call in calls),
        "kept_connections": any(call.headers.get("connection", "").lower() != "close" for call in calls),
        "provider_whole": any(not call.streamed for call in calls),
        "provider_key": any("authorization" in call.headers for call in calls),
    }
    has = profile.capabilities | {name for name, there in seen.items() if there}
    unfit = {trial.label: why for trial in plan.trials if (why := _missing(trial.fault, has))}
    left = tuple(trial for trial in plan.trials if trial.label not in unfit)
    return replace(plan, trials=left, not_applicable={**plan.not_applicable, **unfit})


def check_settled(plan: Plan) -> None:
    """Refuse a plan in which nothing is left of all, or of one of the names that were asked for.

    Raises:
        UsageError: so it is; the message says what was not seen.
    """
    for wanted in plan.names or [""]:
        _check_played(wanted, plan.trials, plan.not_applicable)


def labelled(fault: Any) -> str:
    """The name of a fault with the knobs that are not their defaults, those of its window among them."""
    knobs = []
    for item in dataclasses.fields(fault):
        value, default = getattr(fault, item.name), item.default
        if isinstance(value, Window) and isinstance(default, Window):
            knobs += _differing(value, default)
        elif repr(value) != repr(default):
            knobs.append(f"{item.name}={value!r}")
    return f"{fault.name}({', '.join(knobs)})" if knobs else str(fault.name)


def _differing(window: Window, default: Window) -> list[str]:
    """The knobs in which two windows differ, as they are in the first."""
    return [
        f"{item.name}={value!r}"
        for item in dataclasses.fields(window)
        if (value := getattr(window, item.name)) != getattr(default, item.name)
    ]


def armed(trial: Trial) -> Scenario:
    """The drill with the fault in it: armed after its first step, healed before its last."""
    last = len(trial.drill.steps) - 1
    window = replace(trial.fault.window, from_step=1, until_step=max(1, last - 1))
    fault: Any = trial.fault
    return replace(trial.drill, faults=(replace(fault, window=window),), stages=stages_of(fault))

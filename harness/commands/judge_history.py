"""How a stored history is judged again: what one `run --history` saw, held to the invariants of today."""

import time
from pathlib import Path

import orjson

from harness import library, recording
from harness.errors import InvalidRun, UsageError
from harness.history import History
from harness.judge import judge
from harness.registry import FAULTS, INVARIANTS, Invariant, excused_by, held_under, in_force
from harness.scenario import Scenario
from harness.targets.driven import tags
from harness.verdict import ScenarioVerdict

_HEAD_BYTES = 2**16


def is_history(path: Path) -> bool:
    """Whether a file begins as `--history` writes it; what cannot be read is none."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.readline(_HEAD_BYTES)
        first = orjson.loads(head)
    except (OSError, orjson.JSONDecodeError):
        return False
    return isinstance(first, dict) and first.get("kind") == "history"


def judge_history(path: Path, replay: str) -> ScenarioVerdict:
    """Judge one stored arm of a run.

    Raises:
        InvalidRun: the file is cut, or of another version, or names a fault that there is not any more.
    """
    began = time.monotonic()
    try:
        history = recording.load(path.read_bytes())
    except OSError as error:
        raise InvalidRun(f"{path}: {error.strerror}; it cannot be judged") from error
    except InvalidRun as error:
        raise InvalidRun(f"{path}: {error}") from error
    judgement = judge(history, _invariants(history, path))
    return ScenarioVerdict(
        name=f"{history.header.scenario} ({history.header.arm})",
        verdict=judgement.verdict,
        violations=judgement.violations,
        faults_fired=history.fired(),
        reasons=(
            *judgement.untrusted,
            *(f"{name} never fired" for name in judgement.unfired),
            *judgement.doubts,
        ),
        checked=judgement.checked,
        elapsed_s=time.monotonic() - began,
        replay=replay,
        seed=history.header.seed,
    )


def _invariants(history: History, path: Path) -> tuple[Invariant, ...]:
    """What the run was held to: by its scenario, where that is found, else by its faults.

    What a fault asks for under its knobs alone is not asked then: a history does not say which they were.

    Raises:
        InvalidRun: a fault is not there any more.
    """
    scenario = _scenario(history)
    if scenario is not None:
        return (*in_force(scenario.faults if history.header.arm == "faulted" else ()), *scenario.invariants)
    kinds = _kinds(history, path)
    excused = excused_by(kinds)
    fixed = [kind for kind in kinds if not isinstance(getattr(kind, "holds", ()), property)]
    universal = (one for name, one in INVARIANTS.items() if name not in excused)
    return (*universal, *held_under(fixed))


def _scenario(history: History) -> Scenario | None:
    """The scenario of the library that was played; None where there is none of its name with its faults."""
    header = history.header
    try:
        (scenario,) = library.find([header.scenario])
    except (UsageError, ValueError):
        return None
    return scenario if header.arm == "control" or tags(scenario.faults) == header.declared else None


def _kinds(history: History, path: Path) -> tuple[object, ...]:
    """The classes of the faults that were declared.

    Raises:
        InvalidRun: there is no fault of a name.
    """
    known = dict(FAULTS.items())
    names = dict.fromkeys(tag.partition("#")[0] for tag in history.header.declared)
    if unknown := [name for name in names if name not in known]:
        raise InvalidRun(
            f"{path}: no fault is called {unknown[0]} here; judge it with the version that wrote it"
        )
    return tuple(known[name] for name in names)

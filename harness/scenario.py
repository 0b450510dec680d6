"""Scenarios: what is done to a service and under which faults, as frozen data in a Python literal.

One scenario a file: docstring, imports, one assignment to `SCENARIO`. mypy checks every knob, and a fault that was
renamed breaks at import, not in the night.
"""

import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from harness.errors import UsageError
from harness.registry import ALL_STAGES, Invariant, stages_of
from harness.rig import Fault
from harness.steps import (
    CANARY,
    HEALTH,
    PLAN_INPUT,
    Disconnect,
    Parallel,
    Request,
    Restart,
    Step,
    Turn,
    Wait,
    check,
    check_openings,
    flat,
)

__all__ = [
    "CANARY",
    "HEALTH",
    "PLAN_INPUT",
    "STAGES",
    "Disconnect",
    "Parallel",
    "Request",
    "Restart",
    "Scenario",
    "Schedule",
    "Step",
    "Turn",
    "Wait",
    "flat",
    "load",
]

STAGES = ALL_STAGES
MODULES = "_scenario_"
"""How the modules are named that scenario files become."""

SEED_MAX = 2**63 - 1
"""The largest that every reader of a JSON document can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a simulated run went, so that it can be played again: where it deviated from the ordinary run.

    Each of `holds` is a lane, the step of it, and how often it was passed over before that step, as
    `harness.simulation.Hold` has them. They mean something only to the very code that they were recorded with, whose
    fingerprint is `code`.
    """

    code: str
    holds: tuple[tuple[str, int, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no schedule.

        Raises:
            UsageError: the message says which of its holds is none.
        """
        for hold in self.holds:
            if tuple(map(type, hold)) != (str, int, int):
                raise UsageError(
                    f"schedule: {hold!r} is no hold: (lane, step, times), such as ('main', 3, 1)"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is done, under which faults, and what must hold beside the universal invariants.

    `defects` names the historical mistakes that this scenario must catch (what counts as the right reason, the
    defect says). `stages` are those that can carry it. `name` is set from the file where it is empty; `origin` is
    the file, where it is not one of the library. `seed` is the seed that it is played with where none is asked for;
    with a `schedule` the simulated stage plays that one.
    """

    steps: tuple[Step, ...]
    faults: tuple[Fault, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    defects: tuple[str, ...] = ()
    stages: tuple[str, ...] = STAGES
    golden_turns: int = 2
    seed: int | None = None
    schedule: Schedule | None = None
    name: str = ""
    summary: str = ""
    origin: str = ""

    def __post_init__(self) -> None:
        """Refuse at once what no stage could play.

        Raises:
            UsageError: there is nothing to do, or a step, a window or a stage makes no sense, or something is no tuple;
                the message says which.
        """
        for name in ("steps", "faults", "invariants", "defects", "stages"):
            _check_tuple(name, getattr(self, name))
        if not self.steps:
            raise UsageError("a scenario needs at least one step")
        if self.golden_turns < 1:
            raise UsageError(
                f"golden_turns={self.golden_turns}: at least 1, or nobody sees whether it recovers"
            )
        if not self.stages or set(self.stages) - set(STAGES):
            raise UsageError(f"stages={self.stages}: there are {', '.join(STAGES)}")
        if self.seed is not None and not (type(self.seed) is int and 0 <= self.seed <= SEED_MAX):
            raise UsageError(f"seed={self.seed!r}: must be a whole number, at least 0 and at most {SEED_MAX}")
        if self.schedule is not None:
            if not isinstance(self.schedule, Schedule):
                raise UsageError(f"schedule={self.schedule!r}: must be a Schedule")
            if self.stages != ("simulated",):
                raise UsageError("a schedule is of a simulated run: say stages=('simulated',)")
        for fault in self.faults:
            carried = stages_of(fault)
            if missing := [stage for stage in self.stages if stage not in carried]:
                raise UsageError(
                    f"{fault.name} cannot be played {' or '.join(missing)}: say stages={tuple(carried)!r}"
                )
            if fault.window.from_step >= len(self.steps):
                raise UsageError(
                    f"{fault.name}: from_step={fault.window.from_step}, and the last step is {len(self.steps) - 1}"
                )
        for step in self.steps:
            check(step)
        check_openings(self.steps)


def _check_tuple(name: str, value: object) -> None:
    """Refuse what is no tuple: the letters of a text would be taken for so many names, and a list is not frozen.

    Raises:
        UsageError: it is none; the message shows how one is written.
    """
    if isinstance(value, tuple):
        return
    if isinstance(value, str):
        raise UsageError(f"{name}={value!r}: must be a tuple: say {name}=({value!r},), with the comma")
    raise UsageError(
        f"{name} is a {type(value).__name__}: must be a tuple: say {name}=(..., ), with the comma"
    )


def load(path: Path) -> Scenario:
    """Read one scenario file; its name is the file's, its summary the first paragraph of its docstring.

    Raises:
        UsageError: the file is not there, does not import, or has no `SCENARIO`; the message names file and line.
    """
    module = _execute(path)
    scenario = getattr(module, "SCENARIO", None)
    if not isinstance(scenario, Scenario):
        raise UsageError(
            f"{path}: a scenario file assigns one Scenario to SCENARIO; see scenarios/incidents/"
        )
    summary = " ".join((module.__doc__ or "").strip().split("\n\n")[0].split())
    values = {name: getattr(scenario, name) for name in Scenario.__dataclass_fields__}
    return Scenario(
        **{
            **values,
            "name": scenario.name or path.stem,
            "summary": scenario.summary or summary,
            "origin": str(path.resolve()),
        }
    )


class _Uncached(SourceFileLoader):
    """Compiles a file anew: what is cached is known by seconds and size, and a file may be written twice in one."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # the loader's method
        """The code of the file as it is now."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _execute(path: Path) -> ModuleType:
    """Import a file under a private name that depends on its place only."""
    if not path.is_file():
        raise UsageError(
            f"{path}: no such scenario file; `shakeout list scenarios` names those that come with it"
        )
    name = f"{MODULES}{path.resolve().as_posix().replace('/', '_').replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Uncached(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # It stays there: what a child is sent names the faults that the file defines by it.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except SyntaxError as error:
        raise UsageError(f"{path}:{error.lineno or 1}: {error.msg}; mend the file") from error
    except (Exception, SystemExit) as error:  # the file is the user's: whatever it raises is told in one line
        line = _line_in(path, error)
        raise UsageError(f"{path}:{line}: {type(error).__name__}: {error}; mend the file") from error
    return module


def _line_in(path: Path, error: BaseException) -> int:
    """The line of the file that was being executed when the error was raised; 1 where none was."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

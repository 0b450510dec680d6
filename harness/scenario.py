"""Scenarios: what is done to a service and under which faults, as frozen data in a Python literal.

One scenario a file: docstring, imports, one assignment to `SCENARIO`. mypy checks every knob, and a fault that was
renamed breaks at import, not in the night.
"""

import importlib.util
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import UsageError
from harness.registry import Invariant
from harness.rig import Fault

PLAN_INPUT = "Hi! How can you help me?"
"""The message of the incident that started this; a turn says it unless told otherwise."""

CANARY = "{canary}"
"""Where it stands in a message, the runner puts a word that exists once in the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of the conversation that the scenario labels `session`.

    `retries` sends the very same request again that often after its answer; with `idempotency_key` the key is kept.
    """

    session: str = "a"
    message: str = PLAN_INPUT
    idempotency_key: str | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that holds no turn. `body` is sent as JSON; `raw` as it stands."""

    method: str = "GET"
    path: str
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A turn whose client leaves after `after_s` seconds without waiting for the answer."""

    session: str = "a"
    message: str = PLAN_INPUT
    after_s: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is sent for so long."""

    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The service stops and starts again on the same store; `kill` gives it no time to prepare."""

    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Steps that begin together; the next step begins when all have ended."""

    steps: tuple["Turn | Request | Disconnect", ...]


Step = Turn | Request | Disconnect | Wait | Restart | Parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is done, under which faults, and what must hold beside the universal invariants.

    `defects` names the historical mistakes that this scenario must catch (what counts as the right reason, the
    defect says). `stages` are those that can carry it. `name` is set from the file where it is empty.
    """

    steps: tuple[Step, ...]
    faults: tuple[Fault, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    defects: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("in_process", "live")
    golden_turns: int = 2
    name: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        """Refuse at once what no stage could play.

        Raises:
            UsageError: there is nothing to do, or a duration is no finite, positive number.
        """
        if not self.steps:
            raise UsageError("a scenario needs at least one step")
        if self.golden_turns < 1:
            raise UsageError(
                f"golden_turns={self.golden_turns}: at least 1, or nobody sees whether it recovers"
            )
        for step in flat(self.steps):
            seconds = {Wait: "for_s", Disconnect: "after_s"}.get(type(step))
            value = getattr(step, seconds) if seconds else 0.0
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(
                    f"{type(step).__name__}({seconds}={value}): seconds must be finite and at least 0"
                )
        _check_openings(self.steps)


def flat(steps: Sequence[Step]) -> tuple[Step, ...]:
    """All steps, those inside `Parallel` included, in order."""
    inner = (step.steps if isinstance(step, Parallel) else (step,) for step in steps)
    return tuple(step for group in inner for step in group)


def _check_openings(steps: Sequence[Step]) -> None:
    """Refuse turns that begin together and would each open their session: which one named it would be chance."""
    opened: set[str] = set()
    for step in steps:
        together = [inner.session for inner in flat((step,)) if isinstance(inner, Turn)]
        for session in set(together) - opened:
            if together.count(session) > 1:
                raise UsageError(
                    f"session {session!r}: hold one turn before several in Parallel, to open the session"
                )
        opened.update(together)


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
    return Scenario(**{**values, "name": scenario.name or path.stem, "summary": scenario.summary or summary})


def discover(root: Path) -> tuple[Path, ...]:
    """All scenario files below `root`, sorted by name."""
    return tuple(sorted(path for path in root.rglob("*.py") if not path.name.startswith("_")))


def _execute(path: Path) -> ModuleType:
    """Import a file under a private name that depends on its place only."""
    if not path.is_file():
        raise UsageError(
            f"{path}: no such scenario file; `shakeout list scenarios` names those that come with it"
        )
    name = f"_scenario_{path.resolve().as_posix().replace('/', '_').replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except SyntaxError as error:
        raise UsageError(f"{path}:{error.lineno}: {error.msg}; mend the file") from error
    except Exception as error:  # the file is the user's: whatever it raises is told in one line
        line = _line_in(path, error)
        raise UsageError(f"{path}:{line}: {type(error).__name__}: {error}; mend the file") from error
    finally:
        del sys.modules[name]
    return module


def _line_in(path: Path, error: Exception) -> int:
    """The line of the file that was being executed when the error was raised; 1 where none was."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

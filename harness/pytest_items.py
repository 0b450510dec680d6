"""Scenario files as pytest items; imported when the first one is collected, so that pytest starts no slower for it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.commands.common import options
from harness.errors import ShakeoutError
from harness.runner import run
from harness.scenario import load
from harness.verdict import ScenarioVerdict, Verdict


class NotPassed(Exception):
    """A scenario that did not pass; carries what is to be shown."""


class ScenarioFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test a file."""
        yield ScenarioItem.from_parent(self, name=self.path.stem)


class ScenarioItem(pytest.Item):
    """A scenario as a test."""

    def runtest(self) -> None:
        """Play it and hold it to its invariants."""
        config = self.config
        try:
            chosen = options(
                stage=config.getoption("--shakeout-stage"),
                seed=config.getoption("--shakeout-seed"),
                defects=config.getoption("--shakeout-defect"),
                target=config.getoption("--shakeout-target"),
                histories=None,
            )
            scenario = load(self.path)
            if chosen.stage not in scenario.stages:
                pytest.skip(f"not applicable in {chosen.stage}; it is played in {', '.join(scenario.stages)}")
            result = asyncio.run(run(scenario, chosen))
        except ShakeoutError as error:
            raise NotPassed(str(error)) from error
        if result.verdict is not Verdict.PASSED:
            raise NotPassed(told(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The violations and the replay command instead of a traceback into the harness."""
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, NotPassed)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the scenario stands."""
        return self.path, None, f"scenario {self.name}"


def told(result: ScenarioVerdict) -> str:
    """Why a scenario did not pass, in lines."""
    lines = [f"{result.name}: {result.verdict}"]
    for violation in result.violations:
        lines += [
            f"  {violation.arm}: {violation.invariant}: {violation.message}",
            f"      {violation.evidence}",
        ]
    lines += [f"  {reason}" for reason in result.reasons]
    return "\n".join([*lines, f"again: {result.replay}"])

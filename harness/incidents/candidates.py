"""Who could have written a log: mistakes with the scenarios that declare them, and faults on the drills."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.scenario import CANARY, Disconnect, Parallel, Request, Scenario, Step, Turn, flat
from harness.steps import Inner
from harness.sweep import Trial, armed, lasts_s

NO_FAULT = "no fault"
"""What a suspect is called that is the service as it is, on a drill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One thing that may be to blame, and how it is tried.

    `scenario` is played with `defects`; `twin`, without any, is what a run of it is compared with. `reasons` are
    the invariants that are known to be broken by it, `told` is what is known of it in words. Its fault takes `lasts_s` real
    seconds.
    """

    name: str
    scenario: Scenario
    stage: str
    twin: Scenario
    defects: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    told: str = ""
    lasts_s: float = 0.0

    @property
    def label(self) -> str:
        """What it is called among the others."""
        return f"{self.name}, {self.scenario.name}"

    def seeded(self, seed: int | None) -> Scenario:
        """Its scenario under the seed that it brings along, else under this one."""
        return self.scenario if self.scenario.seed is not None else replace(self.scenario, seed=seed)

    @property
    def twin_name(self) -> str:
        """What tells its twin from those of others: the scenario's name, which is the same with and without a fault."""
        return f"{self.twin.name} {len(self.twin.faults)}"

    @property
    def turns(self) -> int:
        """How many steps it takes: what it costs to try."""
        return len(flat(self.scenario.steps))


def of_defects(
    scenarios: Iterable[Scenario], catalog: Mapping[str, Any], stages: Sequence[str]
) -> Iterator[Suspect]:
    """Each mistake that the target can be built with, in each scenario that declares it, in the first stage that can."""
    for scenario in scenarios:
        stage = next((stage for stage in stages if stage in scenario.stages), None)
        for name in scenario.defects:
            if name in catalog and stage is not None:
                told = f"{name} {catalog[name].summary} {scenario.name} {scenario.summary}"
                alone = replace(scenario, defects=(name,))
                yield Suspect(
                    name=name,
                    scenario=alone,
                    stage=stage,
                    twin=alone,
                    defects=(name,),
                    reasons=tuple(catalog[name].reasons),
                    told=told,
                )


def of_faults(trials: Iterable[Trial], stage: str) -> Iterator[Suspect]:
    """Each fault of a sweep on its drill: what the service makes of it may be the mistake."""
    for trial in trials:
        yield Suspect(
            name=trial.label,
            scenario=replace(armed(trial), stages=(stage,)),
            stage=stage,
            twin=trial.drill,
            told=f"{trial.label} {type(trial.fault).__doc__}",
            lasts_s=lasts_s(trial.fault) if stage == "live" else 0.0,
        )


def saying(scenario: Scenario, text: str | None) -> Scenario:
    """The scenario whose turns say `text`; a turn that carries a canary says it beside that. As it is, without any."""
    if text is None:
        return scenario
    return replace(scenario, steps=tuple(_saying(step, text) for step in scenario.steps))


def _saying(step: Step, text: str) -> Step:
    """One step, saying `text` where it is a turn."""
    if isinstance(step, Parallel):
        return replace(step, steps=tuple(_inner(inner, text) for inner in step.steps))
    return _inner(step, text) if isinstance(step, Turn | Disconnect) else step


def _inner(step: Inner, text: str) -> Inner:
    """One step that may stand in a `Parallel`."""
    if isinstance(step, Request):
        return step
    plain = text.replace(CANARY, "")
    return replace(step, message=f"{plain} {CANARY}" if CANARY in step.message else plain)

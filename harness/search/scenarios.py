"""The one generator of scenarios: steps, and faults at swarm rates.

Swarm testing: a run does not use a little of everything. It first draws which kinds of steps and which classes of
faults exist in it at all, and at which rates; what is left out of one run leaves room for what others never reach.
(Groce et al., Swarm Testing, ISSTA 2012.)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from harness.rig import Fault
from harness.scenario import (
    CANARY,
    PLAN_INPUT,
    Disconnect,
    Parallel,
    Request,
    Restart,
    Scenario,
    Step,
    Turn,
    Wait,
    flat,
)
from harness.search.draw import Draw
from harness.search.swarm import CLASSES_MAX, drawn_faults, moved
from harness.targets.profile import Profile

STEPS_MAX = 8
TOGETHER_MAX = 4
RETRIES_MAX = 2
LABELS = ("a", "b", "c", "d")
MESSAGES = (
    PLAN_INPUT,
    f"Remember {CANARY}, please.",
    f"And {CANARY}?",
    f"Please write an e-mail about {CANARY} to my team.",
    f"Could you look at {CANARY}?\n> On Monday you wrote:\n> it is done",
    f"Merci pour {CANARY}, \u00e0 bient\u00f4t.",
)
LEAVING_MS_MAX = (50, 200, 2_000)
"""A client that leaves does so within one of these: during a call, between two, or past any promised deadline."""

WAITING_MS = (50, 1_000, 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What a generator needs to know of a target.

    Without `sessions` each turn stands alone; `restarts` says that its sessions outlive the process; `health` is the
    path that says whether it is well, None where it has none. `capabilities` are those of `harness.registry`.
    """

    sessions: bool = True
    restarts: bool = False
    health: str | None = None
    capabilities: frozenset[str] = frozenset({"provider", "sessions"})

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The surface of the target that a profile describes."""
        return cls(
            sessions=profile.turn.holds_sessions,
            restarts=profile.turn.holds_sessions and profile.contract.sessions_outlive,
            health=profile.health,
            capabilities=profile.capabilities,
        )


def scenario(draw: Draw, surface: Surface) -> Scenario:
    """A scenario that the simulated stage can play; it has no name yet."""
    steps = _Steps(draw, surface).drawn()
    return Scenario(
        steps=steps,
        faults=drawn_faults(
            draw, steps, classes=draw.integer(0, CLASSES_MAX), capabilities=surface.capabilities
        ),
        stages=("simulated",),
    )


def swarmed(draw: Draw, base: Scenario, capabilities: frozenset[str]) -> Scenario:
    """A variation: each fault of `base` kept, left out or in another window, and perhaps one class more.

    `capabilities` are those of the target.

    Where the faults are others, its own invariants and its defects would say nothing any more, and are left out;
    so are seed and schedule, which belong to one run. It is played simulated, where `base` can be.
    """
    stages = ("simulated",) if "simulated" in base.stages else base.stages
    faults: list[Fault] = []
    for fault in base.faults:
        if draw.chance(0.3):
            continue
        varied = draw.chance(0.5)
        faults.append(moved(draw, fault, base.steps) if varied else fault)
    if draw.chance(0.4):
        faults += drawn_faults(draw, base.steps, classes=1, capabilities=capabilities, stage=stages[0])
    same = tuple(faults) == base.faults
    return replace(
        base,
        faults=tuple(faults),
        invariants=base.invariants if same else (),
        defects=base.defects if same else (),
        stages=stages,
        seed=None,
        schedule=None,
    )


class _Steps:
    """Draws steps one after the other, and knows which sessions those before have opened."""

    def __init__(self, draw: Draw, surface: Surface) -> None:
        self._draw = draw
        self._surface = surface
        self._labels = LABELS[: draw.integer(1, len(LABELS))]
        self._opened: set[str] = set()
        self._group: list[str] = []
        self._alone = 0
        self._keys = 0
        self._inner = self._present(self._leaving, *([self._healthy] if surface.health else []))
        self._outer = self._present(self._together, self._waiting, *self._restarting())

    def _present(self, *kinds: Callable[[], Any]) -> tuple[Callable[[], Any], ...]:
        """Those kinds of steps that exist in this run."""
        return tuple(kind for kind in kinds if self._draw.chance(0.6))

    def _restarting(self) -> tuple[Callable[[], Step], ...]:
        return (Restart,) if self._surface.restarts else ()

    def drawn(self) -> tuple[Step, ...]:
        """All steps; the first is a turn, so that there is something to judge."""
        steps: list[Step] = [self._turn()]
        for _ in range(self._draw.integer(0, STEPS_MAX - 1)):
            self._close(steps[-1])
            steps.append(self._draw.sample((self._turn, *self._inner, *self._outer))())
        return tuple(steps)

    def _close(self, step: Step) -> None:
        """The step is over: the sessions of its turns are open."""
        self._opened.update(inner.session for inner in flat((step,)) if isinstance(inner, Turn))
        self._group = []

    def _free(self) -> list[str]:
        """The sessions in which one more turn may begin now: those that are open, and those that nobody is opening.

        A client that leaves may or may not have opened its session, so two may not try to at once either.
        """
        if not self._surface.sessions:
            return [f"{LABELS[0]}{self._alone + 1}"]
        return [one for one in self._labels if one in self._opened or one not in self._group]

    def _session(self) -> str:
        session = self._draw.sample(self._free())
        self._alone += 1
        self._group.append(session)
        return session

    def _turn(self) -> Turn:
        session, message = self._session(), self._draw.sample(MESSAGES)
        if session not in self._opened or not self._draw.chance(0.3):
            return Turn(session=session, message=message)
        self._keys += 1
        key = f"key-{self._keys}" if self._draw.chance(0.7) else None
        retries = self._draw.integer(1, RETRIES_MAX)
        return Turn(session=session, message=message, idempotency_key=key, retries=retries)

    def _leaving(self) -> Disconnect:
        after_s = self._draw.integer(1, self._draw.sample(LEAVING_MS_MAX)) / 1000
        return Disconnect(session=self._session(), message=self._draw.sample(MESSAGES), after_s=after_s)

    def _healthy(self) -> Request:
        assert self._surface.health is not None
        return Request(path=self._surface.health)

    def _waiting(self) -> Wait:
        return Wait(for_s=self._draw.sample(WAITING_MS) / 1000)

    def _together(self) -> Step:
        inner: list[Turn | Disconnect | Request] = []
        for _ in range(self._draw.integer(2, TOGETHER_MAX)):
            kinds = [kind for kind in (self._turn, *self._inner) if kind == self._healthy or self._free()]
            if kinds:
                inner.append(self._draw.sample(kinds)())
        return Parallel(steps=tuple(inner)) if len(inner) > 1 else inner[0]

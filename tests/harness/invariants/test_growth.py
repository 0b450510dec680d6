"""liveness.no_growth: what is left of many sessions is counted, by whom, when, and of which classes."""

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest
from client_bench import Bench

from harness.history import Outage, Probe
from harness.scenario import Turn
from harness.targets.driven import SESSIONS_MIN
from harness.targets.witness import objects

GROWTH = "liveness.no_growth"
MANY = tuple(Turn(session=f"s{number}") for number in range(SESSIONS_MIN))


class Counted(Bench):
    """A target in which there are ever more objects; `asked` is how often it was asked for them or for a probe."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def probe(self) -> dict[str, float]:
        self.asked.append("probe")
        return await super().probe()

    async def objects(self) -> int:
        self.asked.append("objects")
        return 1_000 + len(self.sent)


def grown(made, base, quiet, *more, each=0.5, sessions=400):
    """A history of so many sessions in which there were so many objects at the baseline and at the end."""
    turns = [made.turn(session=f"s{number}") for number in range(sessions)]
    probes = [made.probe("baseline", objects=base), made.probe("quiet", objects=quiet)]
    contract = replace(made.header().contract, objects_per_session_max=each)
    return made.history(*turns, *probes, *more, contract=contract)


def test_what_each_session_leaves_behind_is_found(made, findings):
    """Beyond what a process needs for the first time, and the promise for each session, it is found with both numbers."""
    assert findings(GROWTH, grown(made, 1_000, 1_400)) == []
    assert findings(GROWTH, grown(made, 1_000, 1_401)) == ["401 objects left of 400 sessions, 400 allowed"]
    assert findings(GROWTH, grown(made, 1_000, 1_401, sessions=402)) == []


@pytest.mark.parametrize(("base", "quiet"), [(0, 9_000), (9_000, 0)])
def test_what_was_not_counted_is_not_judged(made, findings, base, quiet):
    """Where one of the two numbers is missing there is nothing to compare."""
    assert findings(GROWTH, grown(made, base, quiet)) == []


def test_another_process_is_not_compared(made, findings):
    """One that was started meanwhile, by the scenario or after an outage, has not held those sessions."""
    outage = Outage(at_s=1.0, ended_s=2.0, fault="process.kill", how="killed")
    assert findings(GROWTH, grown(made, 1_000, 9_000, outage)) == []
    assert findings(GROWTH, grown(made, 1_000, 9_000, made.probe("restart"))) == []
    assert len(findings(GROWTH, grown(made, 1_000, 9_000, made.probe("played")))) == 1


def test_strangers_of_a_flood_do_not_count_as_sessions(made, findings):
    """Only the scenario's own turns make more of what may be left."""
    strangers = [made.turn(session=f"x{number}", role="beside") for number in range(400)]
    assert len(findings(GROWTH, grown(made, 1_000, 1_500, *strangers))) == 1


async def test_objects_are_counted_at_the_baseline_and_at_the_end() -> None:
    """With many sessions and the promise each of the two probes has its number, and the lag of counting goes to nobody."""
    bench = Counted()
    await bench.play(*MANY, promises={"objects_per_session_max": 0.5})
    counts = {one.phase: one.objects for one in bench.recorder.records if isinstance(one, Probe)}
    assert counts["played"] == 0
    assert counts["quiet"] - counts["baseline"] == SESSIONS_MIN + 2
    after = [bench.asked[place + 1] for place, asked in enumerate(bench.asked) if asked == "objects"]
    assert after == ["probe", "probe"]


@pytest.mark.parametrize(
    ("steps", "promises"), [(MANY[1:] + MANY[1:2], {"objects_per_session_max": 0.5}), (MANY, {})]
)
async def test_nobody_counts_where_nothing_could_be_said(
    steps: tuple[Turn, ...], promises: dict[str, float]
) -> None:
    """Few sessions, or no promise: the target is not held up for it."""
    bench = Counted()
    await bench.play(*steps, promises=promises)
    assert "objects" not in bench.asked


def test_objects_of_classes_are_counted_and_garbage_is_not() -> None:
    """A lock that is kept is one more; a plain dictionary, a weak reference, what is of the harness and a cycle are none."""
    before = objects()
    locks = [asyncio.Lock() for _ in range(5)]
    assert objects() - before == len(locks)
    others = [{"text": []}, weakref.ref(locks[0]), Turn()]
    cycle: list[object] = [asyncio.Lock()]
    cycle.append(cycle)
    del cycle
    assert objects() - before == len(locks)
    assert len(others) == 3, "they are there as long as it is counted"
    gc.freeze()
    assert objects() - before == len(locks), "what is frozen for a while is there all the same"

"""What a simulated run refuses, reports and carries, as the runner and its check of determinism tell it."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.determinism import run_checked
from harness.history import History
from harness.runner import Options, job, opened, played, run
from harness.scenario import Restart, Scenario, Schedule, Turn, Wait, load
from harness.targets import profile as profiles
from harness.targets.hosted import Host
from harness.verdict import ScenarioVerdict, Verdict

HERE = Path(__file__).parent
OWN_FAULT = '''"""Fires once, by itself."""
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from harness.rig import Window
from harness.scenario import Scenario, Turn
@dataclass(frozen=True, kw_only=True)
class Own:
    name: ClassVar[str] = "test.own"
    window: Window = Window(level="conversation", first_n=1)
    @asynccontextmanager
    async def inject(self, rig):
        async def rule(call, answer):
            await rig.clock.sleep(1.0)
            return await answer(call)
        async with rig.provider.wrapped(self.name, rule, self.window):
            yield
SCENARIO = Scenario(steps=(Turn(), Turn()), faults=(Own(),))
'''
TWO_TURNS = Scenario(name="odd", steps=(Turn(), Turn()))


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Options:
    """How the odd service is played."""
    monkeypatch.syspath_prepend(str(HERE))
    return Options(profile=profiles.load(str(HERE / "odd.toml")))


async def checked(options: Options, *defects: str, hash_seeds: tuple[int, ...] = ()) -> ScenarioVerdict:
    """Play it with the check."""
    chosen = replace(options, defects=defects)
    async with opened(chosen) as play:
        return await run_checked(play, TWO_TURNS, chosen, hash_seeds=hash_seeds)


async def test_a_service_that_behaves_is_the_same_again(options: Options) -> None:
    """Played again in a fresh process, and under other hash seeds, nothing differs, and it passes."""
    result = await checked(options, hash_seeds=(1, 2))
    assert (result.verdict, result.violations, result.reasons) == (Verdict.PASSED, (), ())
    # How far its pool of threads grows is the library's affair, and another in another Python.
    locked = await checked(options, "locked", hash_seeds=(1,))
    assert locked.reasons == ()
    assert locked.invariants_violated <= {"liveness.quiescent"}


async def test_a_run_that_differs_from_itself_is_invalid(options: Options) -> None:
    """An answer that depends on an address makes the verdict invalid, and the first record that differs is named."""
    result = await checked(options, "addresses")
    assert result.verdict is Verdict.INVALID
    assert result.reasons[0].startswith(
        "not deterministic: a fresh process differs: faulted: record 1: exchange.body: {"
    )


async def test_a_service_that_depends_on_the_hash_seed_is_found(options: Options) -> None:
    """The order of a set of text is the same in every process with one hash seed, and a finding under others."""
    assert (await checked(options, "words")).verdict is Verdict.PASSED
    result = await checked(options, "words", hash_seeds=(1, 2, 3))
    assert result.verdict is Verdict.FAILED
    (violation,) = result.violations
    assert violation.invariant == "determinism.hash_seed"
    assert violation.evidence.startswith("record 1: exchange.body: {")


@pytest.mark.parametrize("at_import", [True, False])
async def test_a_service_that_needs_the_network_is_invalid(
    options: Options, monkeypatch: pytest.MonkeyPatch, at_import: bool
) -> None:
    """A connection is refused by its call site, and the stage that has a network is named."""
    if at_import:
        monkeypatch.setenv("ODD_IMPORT", "network")
    result = await run(TWO_TURNS, replace(options, defects=() if at_import else ("network",)))
    assert result.verdict is Verdict.INVALID
    (reason,) = result.reasons
    assert "odd_app.py:" in reason
    assert reason.endswith("play it in the stage live")


async def test_a_thread_that_an_import_starts_is_carried(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a module starts a thread at its import, every run imports it anew, for a fork would lose the thread."""
    monkeypatch.setenv("ODD_IMPORT", "thread")
    async with Host.of(options.profile) as host:
        played = [await host.play(job(TWO_TURNS, "faulted", options)) for _ in range(2)]
    assert played[0] == played[1]
    assert (
        max(probe.threads for probe in _probes(played[0].history)) == 3
    )  # the first, the app's, and that one


async def test_a_scenario_that_never_ends_is_invalid(options: Options) -> None:
    """A handler that spins for ever ends with the budget, in one line."""
    result = await run(TWO_TURNS, replace(options, defects=("spins",)))
    assert result.verdict is Verdict.INVALID
    assert result.reasons == (result.reasons[0],)
    assert result.reasons[0].startswith("the run did not end within its budget of 2e+06 steps (t=")


async def test_a_handler_that_hangs_is_a_failure_and_no_deadlock(options: Options) -> None:
    """The client loses its patience in virtual time, as it would in live, and the run goes on to its end."""
    result = await run(TWO_TURNS, replace(options, defects=("hangs",)))
    assert result.verdict is Verdict.FAILED
    assert "outcome.answered_within_deadline" in result.invariants_violated
    assert "liveness.no_deadlock" not in result.invariants_violated


async def test_a_deadlock_is_a_finding_with_every_stack(options: Options) -> None:
    """Two threads that wait for each other's lock fail the scenario, and both are shown where they stand."""
    result = await run(TWO_TURNS, replace(options, defects=("deadlocks",)))
    assert result.verdict is Verdict.FAILED
    (found,) = (one for one in result.violations if one.invariant == "liveness.no_deadlock")
    assert found.message.startswith("deadlock at t=")
    assert found.evidence.count("in Locks.take") == 2
    assert "other [" in found.evidence
    assert "app [" in found.evidence


async def test_a_deadlock_of_workers_is_found_behind_every_clock(options: Options) -> None:
    """The loop goes on and the clients give up, as in live; that the workers never end is found when nothing else is left."""
    result = await run(TWO_TURNS, replace(options, defects=("crosses",)))
    assert result.verdict is Verdict.FAILED
    assert "outcome.answered_within_deadline" in result.invariants_violated
    (found,) = (one for one in result.violations if one.invariant == "liveness.no_deadlock")
    assert found.evidence.count("in Locks.take") == 2


async def test_threads_that_block_one_another_are_found_though_every_turn_was_answered(
    options: Options,
) -> None:
    """Nobody waits for them, and the service shuts down as it should; they are named with their stacks all the same."""
    result = await run(TWO_TURNS, replace(options, defects=("tangles",)))
    assert result.verdict is Verdict.FAILED
    (found,) = (one for one in result.violations if one.invariant == "liveness.no_deadlock")
    assert found.evidence.count("in Locks.take") == 2
    assert "outcome.answered_within_deadline" not in result.invariants_violated


async def test_a_run_has_the_faults_from_the_process_that_it_is_forked_from(options: Options) -> None:
    """Even one that plays none: what each fork would import anew takes longer than the run."""
    chosen = replace(options, defects=("prepared",))
    async with opened(chosen) as play:
        arm = await played(play, TWO_TURNS, chosen, arm="control")
    assert [turn.body["answer"] for turn in arm.history.turns if turn.role == "turn"] == [True, True]


async def test_a_restart_forgets_what_the_modules_knew(options: Options) -> None:
    """After a restart the service is imported anew: what it had in a module is gone, as with its process."""
    steps = (Turn(), Turn(), Restart(), Turn())
    async with opened(chosen := replace(options, defects=("remembers",))) as play:
        history = await play(job(replace(TWO_TURNS, steps=steps), "faulted", chosen))
    answers = [turn.body["answer"] for turn in history.turns if turn.role == "turn"]
    assert answers == [5, 6, 1]


async def test_an_app_that_ends_its_process_is_invalid(options: Options) -> None:
    """Where nothing was written, nothing is judged, and the stage that stands it is named."""
    result = await run(TWO_TURNS, replace(options, defects=("leaves",)))
    assert result.verdict is Verdict.INVALID
    assert result.reasons == ("the app ended its process, and with it the simulated run; play it live",)


@pytest.mark.parametrize("at_import", [True, False])
async def test_an_app_that_closes_its_output_is_played(
    options: Options, monkeypatch: pytest.MonkeyPatch, at_import: bool
) -> None:
    """What the app does to its standard streams is its own affair, in a turn or as soon as it is imported."""
    if at_import:
        monkeypatch.setenv("ODD_IMPORT", "silent")
    silent = replace(options, defects=() if at_import else ("silent",))
    assert (await run(TWO_TURNS, silent)).verdict is Verdict.PASSED


async def test_a_fault_that_the_scenario_file_defines_is_played(options: Options, tmp_path: Path) -> None:
    """The child reads the file too, and so knows the class; it fires there."""
    (tmp_path / "own.py").write_text(OWN_FAULT)
    result = await run(load(tmp_path / "own.py"), options)
    assert result.faults_fired == {"test.own": 1}


async def test_a_long_wait_costs_no_time_and_no_budget(options: Options) -> None:
    """An hour in which nothing is sent passes at once, and is within the budget."""
    result = await run(replace(TWO_TURNS, steps=(Turn(), Wait(for_s=3600.0), Turn())), options)
    assert result.verdict is Verdict.PASSED


async def run_coded(profile: profiles.Profile, options: Options) -> Schedule:
    """The schedule of a run of this profile, with the fingerprint of what was played."""
    async with Host.of(profile) as host:
        return (await host.play(job(TWO_TURNS, "faulted", replace(options, profile=profile)))).schedule


async def test_a_schedule_of_another_version_is_invalid(options: Options) -> None:
    """A schedule is played again by the code that it was recorded with, and proves nothing with any other."""
    async with Host.of(options.profile) as host:
        recorded = (await host.play(job(TWO_TURNS, "faulted", replace(options, policy="random")))).schedule
    assert recorded.holds
    elsewhere = replace(options.profile, environment={"ODD_MODE": "another"})
    assert (
        (await run_coded(elsewhere, options)).code
        != recorded.code
        == (await run_coded(options.profile, options)).code
    )
    kept = replace(TWO_TURNS, seed=1, schedule=recorded, stages=("simulated",))
    assert (await run(kept, options)).verdict is Verdict.PASSED
    other = replace(kept, schedule=Schedule(code="0123456789abcdef", holds=recorded.holds))
    result = await run(other, options)
    assert result.verdict is Verdict.INVALID
    (reason,) = result.reasons
    lost = tuple((f"other/{lane}", step, times) for lane, step, times in recorded.holds)
    misplaced = await run(replace(kept, schedule=Schedule(code=recorded.code, holds=lost)), options)
    assert misplaced.verdict is Verdict.INVALID
    assert misplaced.reasons[0].startswith("its schedule was recorded with other steps, and proves nothing")
    assert reason.startswith(
        f"its schedule was recorded with another version of the code (0123456789abcdef; this is {recorded.code})"
    )


def _probes(history: History) -> list[object]:
    """The probes of a history."""
    return [record for record in history.records if record.kind == "probe"]

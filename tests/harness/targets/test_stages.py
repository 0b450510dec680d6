"""A target is started, held to its nonce, played, and ended, whatever happens in between."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.history import FaultFired, History, Probe, Snapshot
from harness.judge import judge
from harness.registry import INVARIANTS
from harness.scenario import Disconnect, Parallel, Request, Restart, Turn, Wait
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder, Ticker
from harness.targets.play import STAGES, stage_named
from harness.targets.process import ProcessTarget
from harness.verdict import Verdict

HERE = Path(__file__).parent
HANG_S = 30.0
STEPS = (
    Turn(message="one {canary}"),
    Parallel(steps=(Turn(message="two {canary}"), Turn(session="b", message="other {canary}"))),
    Wait(for_s=0.01),
    Request(path="/sessions/x"),
)


async def once(stage: str, job: Job) -> History:
    """Open the stage for one job, and play it."""
    async with STAGES[stage](job.profile) as play:
        return await play(job)


@pytest.fixture
def job(monkeypatch) -> Job:
    """The small app, with steps that it carries."""
    monkeypatch.syspath_prepend(str(HERE))
    profile = profiles.load(str(HERE / "profile.toml"))
    return Job(name="small", arm="control", steps=STEPS, faults=(), profile=profile, seed=1)


@pytest.mark.parametrize("stage", STAGES)
async def test_a_healthy_service_passes_every_invariant(job: Job, stage: str) -> None:
    """Both stages give a trusted history with all witnesses, and the universal invariants find nothing in it."""
    history = await once(stage, job)
    judgement = judge(history, INVARIANTS.values())
    assert judgement.untrusted == ()
    assert judgement.violations == ()
    assert judgement.verdict in (Verdict.PASSED, Verdict.UNDECIDED)  # undecided where this machine was slow
    assert [turn.role for turn in history.turns] == ["warmup"] * 4 + ["turn"] * 3 + ["golden"] * 2
    assert {call.request_id for call in history.calls} == {turn.request_id for turn in history.turns}
    assert [probe.phase for probe in history.of(Probe)] == ["baseline", "played", "quiet"]
    assert len(history.of(Snapshot)) == 5


async def test_the_warm_up_is_in_flight_at_once(job: Job) -> None:
    """However soon a live provider answers, it has as many calls at a time as the steps have turns: pools grow before the baseline."""
    wide = Parallel(steps=tuple(Turn(session=f"s{number}") for number in range(6)))
    history = await once("live", replace(job, steps=(wide,)))
    held = {turn.request_id for turn in history.turns if turn.role == "warmup"}
    assert max(call.in_flight for call in history.calls if call.request_id in held) == 6


async def test_a_service_that_makes_no_provider_call_is_found(job: Job, tmp_path: Path) -> None:
    """The provider's own witness shows that the level which answered was never asked."""
    history = await once("simulated", replace(job, defects=("deaf",)))
    names = {violation.invariant for violation in judge(history, INVARIANTS.values()).violations}
    assert names == {"degradation.explained"}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("defect", "said"),
    [
        ("dies", "RuntimeError: the configuration is missing"),
        ("exits", "SystemExit: 0"),
        ("storeless", "RuntimeError: the store is away"),
    ],
)
async def test_an_app_that_does_not_start_is_a_usage_error(
    job: Job, stage: str, defect: str, said: str
) -> None:
    """What kept the app from starting is told in one line, whatever it would have liked to exit with."""
    with pytest.raises(UsageError, match=said) as refused:
        await once(stage, replace(job, defects=(defect,)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("stage", STAGES)
async def test_an_app_that_exits_in_its_start_up_is_a_usage_error(job: Job, stage: str) -> None:
    """An app that exits with 0 before it serves ends its own life and not the run's."""
    async with asyncio.timeout(HANG_S):
        with pytest.raises(UsageError, match="did not start"):
            await once(stage, replace(job, defects=("exits_late",)))


async def test_a_kill_is_for_a_process_only(job: Job) -> None:
    """In a simulation an app cannot be killed, and no clean shut-down is passed off as one."""
    with pytest.raises(UsageError, match="SIGKILL needs a process"):
        await once("simulated", replace(job, steps=(Turn(), Restart(kill=True))))


async def test_an_app_that_does_not_import_is_a_usage_error(job: Job) -> None:
    """A factory that is not there is named."""
    gone = replace(job, profile=replace(job.profile, app="no_such_module:create"))
    with pytest.raises(UsageError, match="no_such_module"):
        await once("live", gone)


async def test_a_restart_keeps_logs_and_ids(job: Job) -> None:
    """After SIGTERM and after SIGKILL another process answers under the same nonce, and the log goes on."""
    steps = (Turn(), Restart(), Turn(session="c"), Restart(kill=True), Turn(session="d"))
    history = await once("live", replace(job, steps=steps))
    assert history.header.nonce_matched
    assert [turn.status for turn in history.turns] == [200] * 9
    assert sum(record.event == "done" for record in history.logs) >= 9


async def test_what_the_harness_is_late_by_counts_after_the_warm_up(job: Job, monkeypatch) -> None:
    """The ticker of a live run begins to count once, where the driver says that the target is warm."""
    begun: list[Ticker] = []
    monkeypatch.setattr(Ticker, "begin", lambda self: begun.append(self))  # noqa: PLW0108  # `append` would not be given it
    await once("live", replace(job, steps=(Turn(),)))
    assert len(begun) == 1


async def test_a_client_that_leaves_is_recorded(job: Job) -> None:
    """A client that leaves at once has no status, and is known to have left on purpose."""
    history = await once("live", replace(job, steps=(Disconnect(after_s=0.0),)))
    (turn,) = (turn for turn in history.turns if turn.role == "turn")
    assert turn.status is None
    assert turn.left


async def test_a_strangers_nonce_is_noticed(job: Job, tmp_path: Path, monkeypatch) -> None:
    """Where the answers carry another nonce than the one that the harness gave, the history is not trusted."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        (tmp_path / "other").mkdir()
        async with ProcessTarget.start(job, Recorder(), directory=tmp_path / "other") as stranger:
            monkeypatch.setattr(type(target), "base_url", property(lambda self: stranger_url))
            stranger_url = f"http://127.0.0.1:{stranger.child.port}"
            from harness.targets.driver import Driver  # noqa: PLC0415  # only this test drives by hand

            driver = Driver(job, target, Recorder(), nonce=target.nonce)
            await driver.play()
    assert not driver.nonce_matched


def test_a_stage_that_is_not_there_is_a_usage_error() -> None:
    """A stage of another name is refused, and those that there are are listed."""
    with pytest.raises(UsageError, match="no stage is called staging; there are: simulated, live"):
        stage_named("staging")


def test_faults_may_be_noted_from_the_recorder() -> None:
    """A firing is a record with the time of the run."""
    recorder = Recorder(monotonic=iter([10.0, 12.5]).__next__)
    recorder.fired("a.b", "call 1")
    assert recorder.records == [FaultFired(at_s=2.5, fault="a.b", detail="call 1")]


@pytest.mark.parametrize("access_log", [True, False])
async def test_uvicorns_own_access_log_is_the_profiles_choice(job: Job, access_log: bool) -> None:
    """It writes on the loop of the app: a service that runs without it is served without it."""
    history = await once("live", replace(job, profile=replace(job.profile, access_log=access_log)))
    assert any(record.source == "access" for record in history.logs) is access_log

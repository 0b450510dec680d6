"""A sweep plays what the target can be put under, says what it cannot, and judges each against one control."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from harness.errors import UsageError
from harness.faults.base import ALWAYS
from harness.history import WITNESSES, Exchange, FaultFired, Header, History, UpstreamCall
from harness.registry import FAULTS
from harness.rig import Rig, Window
from harness.runner import Options
from harness.scenario import Scenario, Turn
from harness.sweep import Effort, armed, check_settled, jobs_max, labelled, planned, settled, sweep
from harness.targets import profile as profiles
from harness.variants import chosen, variants
from harness.verdict import Verdict

PROFILE = profiles.load()
DRILLS = {
    name: Scenario(name=name, steps=(Turn(), Turn(), Turn()))
    for name in ("two_sessions", "crowd", "streams", "patient")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A fault with a choice, which nothing registers."""

    name: ClassVar[str] = "test.chosen"
    window: Window = ALWAYS
    form: str = chosen("plain", "fancy")
    size_bytes: int = 7

    @asynccontextmanager
    async def inject(self, rig: Rig):
        """Do nothing."""
        yield


def names(stage: str, *wanted: str) -> set[str]:
    """The names of the faults that are planned."""
    return {trial.fault.name for trial in planned(PROFILE, stage, DRILLS, wanted).trials}


def test_a_fault_is_named_by_its_name_its_plane_or_its_label():
    """Each of the three chooses it, and nothing else; none chooses all that the stage carries."""
    assert names("simulated", "provider.server_error") == {"provider.server_error"}
    assert names("simulated", "provider") == {
        name for name in names("simulated") if name.startswith("provider.")
    }
    (only,) = planned(PROFILE, "simulated", DRILLS, ["provider.malformed_json(form='html')"]).trials
    assert only.label == "provider.malformed_json(form='html')"


def test_a_fault_that_is_not_there_is_a_usage_error():
    """A name of no fault is refused, with where to look, or what may be meant; knobs that are not played with those that are."""
    for wanted, told in (
        ("provider.nonsense", "no fault is called provider.nonsense; `shakeout list faults` names"),
        ("provider.no_replies", "no fault is called provider.no_replies; did you mean provider.no_reply?"),
        ("provders", "did you mean provider?"),
        ("client.disconnect(at='end')", "it plays client.disconnect, client.disconnect.point="),
    ):
        with pytest.raises(UsageError, match=told):
            planned(PROFILE, "simulated", DRILLS, [wanted])


def test_what_has_nothing_to_break_is_not_applicable_and_says_why():
    """Without a provider its faults are listed with the reason; where nothing is left, that is no pass but an error."""
    without = replace(PROFILE, provider_variable="")
    plan = planned(without, "simulated", DRILLS, [])
    assert "provider.server_error" not in {trial.fault.name for trial in plan.trials}
    assert plan.not_applicable["provider.server_error"].startswith("needs provider: ")
    with pytest.raises(UsageError, match="needs provider"):
        planned(without, "simulated", DRILLS, ["provider.server_error"])


def test_what_the_stage_cannot_carry_is_not_applicable():
    """A fault that is played live only is listed as that in a simulated sweep."""
    live_only = {name for name, kind in FAULTS.items() if kind.stages == ("live",)}
    plan = planned(PROFILE, "simulated", DRILLS, [])
    assert live_only <= set(plan.not_applicable)
    assert all("is played live: " in plan.not_applicable[name] for name in live_only)


def test_a_label_names_the_knobs_that_are_not_their_defaults():
    """Two variants of a fault have two labels, the default one its bare name."""
    assert [labelled(one) for one in variants(Chosen)] == ["test.chosen", "test.chosen(form='fancy')"]


def test_every_registered_fault_has_a_drill_and_variants_with_labels_of_their_own():
    """No two trials of a sweep go by one label, so that each can be played again."""
    for stage in ("simulated", "live"):
        labels = [trial.label for trial in planned(PROFILE, stage, DRILLS, []).trials]
        assert len(labels) == len(set(labels))


def test_a_fault_stands_between_the_first_and_the_last_step():
    """It is armed after the conversations are open, and healed before the step that shows whether all is well."""
    (trial,) = planned(PROFILE, "simulated", DRILLS, ["provider.refusal"]).trials
    (fault,) = armed(trial).faults
    assert (fault.window.from_step, fault.window.until_step) == (1, 1)


def test_what_only_proves_an_oracle_is_left_out():
    """A fault under which some invariant must fail is listed as that, for no target could pass."""
    assert "prove an oracle" in planned(PROFILE, "simulated", DRILLS, []).not_applicable["store.lost_write"]


def test_what_was_not_seen_without_a_fault_is_not_applicable():
    """Where no answer of the provider has a confidence, the faults that bend one are left out, and say why."""
    plan = planned(PROFILE, "simulated", DRILLS, ["provider.bad_score", "provider.secret_echo"])
    plan = replace(plan, names=())
    call = UpstreamCall(at_s=0, ended_s=0, call=1, level="conversation", request_id=None, messages=())
    scored = replace(call, confidence=0.9)
    keyed = replace(call, headers={"authorization": "[redacted]"})
    for seen, left in ((call, set()), (scored, {"provider.bad_score"}), (keyed, {"provider.secret_echo"})):
        history = History(header=HEADER, records=(seen,))
        if not left:
            with pytest.raises(UsageError, match=r"nothing to play: provider\.bad_score: needs scores"):
                check_settled(settled(plan, PROFILE, [history]))
            continue
        kept = settled(plan, PROFILE, [history])
        assert {trial.fault.name for trial in kept.trials} == left
        assert set(kept.not_applicable) >= {"provider.bad_score", "provider.secret_echo"} - left


class Stage:
    """A stage that plays nothing: each arm takes until it is let go, and is as slow a machine as it is told."""

    def __init__(self, monkeypatch):
        self.jobs = []
        self.slow = 0
        self.slow_arm = "faulted"
        self.bad, self.bad_arm = False, "faulted"
        self.most = self.now = 0
        self.go = asyncio.Event()
        self.two = asyncio.Event()
        monkeypatch.setattr("harness.sweep.play.opened", self.opened)

    @asynccontextmanager
    async def opened(self, options):
        """Open it."""
        yield self.play

    async def play(self, job):
        """Give a history in which the fault fired, and nothing else of interest."""
        self.jobs.append((job.arm, job.name))
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == 2:
            self.two.set()
        if job.arm == "faulted":
            await self.go.wait()
        self.now -= 1
        lag_ms, self.slow = (
            (100.0, self.slow - 1) if self.slow and job.arm == self.slow_arm else (0.0, self.slow)
        )
        fired = [FaultFired(at_s=1.0, fault=fault.name) for fault in job.faults]
        header = replace(
            HEADER,
            arm=job.arm,
            declared=tuple(fault.name for fault in job.faults),
            harness_lag_ms_max=lag_ms,
            contract=PROFILE.contract,
        )
        scored = UpstreamCall(
            at_s=0, ended_s=0, call=1, level="conversation", request_id="r", messages=(), confidence=0.9
        )
        asked = Exchange(
            at_s=0,
            ended_s=0.1,
            step=0,
            role="request",
            method="GET",
            path="/",
            request_id="r",
            status=500 if self.bad and job.arm == self.bad_arm else 404,
            headers={"x-request-id": "r", "content-type": "application/problem+json"},
            body={"request_id": "r"},
        )
        return History(header=header, records=(asked, scored, *fired))


HEADER = Header(
    scenario="s",
    seed=1,
    stage="live",
    target="t",
    arm="control",
    contract=PROFILE.contract,
    witnesses=("wire",),
    absent=tuple(sorted(WITNESSES - {"wire"})),
    nonce_matched=True,
)


async def test_one_control_stands_for_all_trials_of_a_drill(monkeypatch):
    """A drill is played once without a fault, however many faults are then played on it, as many at a time as asked."""
    stage = Stage(monkeypatch)
    stage.go.set()
    plan = planned(PROFILE, "live", DRILLS, ["provider.refusal", "provider.content_filter"])
    options = Options(profile=PROFILE, stage="live", seed=1)
    done = await sweep(plan, options, Effort(jobs=2))
    assert [arm for arm, _ in stage.jobs] == ["control", "faulted", "faulted"]
    assert [one.trial.label for one in done.results] == ["provider.content_filter", "provider.refusal"]
    assert [one.result.verdict for one in done.results] == [Verdict.PASSED, Verdict.PASSED]
    assert all(one.result.control == "passed" and one.fired for one in done.results)


async def test_a_service_that_fails_by_itself_is_told_before_a_fault_that_cannot_be_played(monkeypatch):
    """What was asked for by name and is not there to be broken is refused only where there was no worse news."""
    stage = Stage(monkeypatch)
    plan = planned(PROFILE, "live", DRILLS, ["provider.refusal", "loop.foreign"])
    options = Options(profile=PROFILE, stage="live", seed=1)
    with pytest.raises(
        UsageError, match=r"cannot be played: loop\.foreign: needs factory.*; leave loop\.foreign out"
    ):
        await sweep(plan, options, Effort(jobs=1))
    stage.bad, stage.bad_arm = True, "control"
    done = await sweep(plan, options, Effort(jobs=1))
    assert (done.verdict, done.results) == (Verdict.FAILED, ())


async def test_as_many_trials_as_asked_are_played_at_a_time(monkeypatch):
    """Two are under way together, and no third."""
    stage = Stage(monkeypatch)
    plan = planned(PROFILE, "live", DRILLS, ["provider.client_error"])
    assert len(plan.trials) > 2
    options = Options(profile=PROFILE, stage="live", seed=1)
    said = []
    sweeping = asyncio.ensure_future(sweep(plan, options, Effort(jobs=2, say=said.append)))
    await stage.two.wait()
    stage.go.set()
    await sweeping
    assert stage.most == 2
    assert said[-1].startswith(f"{len(plan.trials)} of {len(plan.trials)}")


async def test_what_is_undecided_is_played_again(monkeypatch):
    """A machine that was too slow for a moment says nothing of the target; one that stays so leaves it undecided."""
    for slow, verdict, plays in ((1, Verdict.PASSED, 2), (2, Verdict.PASSED, 3), (3, Verdict.UNDECIDED, 3)):
        stage = Stage(monkeypatch)
        stage.go.set()
        stage.slow = slow
        plan = planned(PROFILE, "live", DRILLS, ["provider.refusal"])
        options = Options(profile=PROFILE, stage="live", seed=1)
        done = await sweep(plan, options, Effort(jobs=2))
        assert [one.result.verdict for one in done.results] == [verdict]
        assert [arm for arm, _ in stage.jobs] == ["control", *["faulted"] * plays]


async def test_a_control_that_stays_undecided_is_the_end(monkeypatch):
    """Twice too slow is played again; three times, no trial of its drill is begun, and the sweep is undecided."""
    plan = planned(PROFILE, "live", DRILLS, ["provider.refusal"])
    options = Options(profile=PROFILE, stage="live", seed=1)
    for slow in (2, 3):
        stage = Stage(monkeypatch)
        stage.go.set()
        stage.slow, stage.slow_arm = slow, "control"
        done = await sweep(plan, options, Effort(jobs=1))
        told = (Verdict.PASSED, ()) if slow == 2 else (Verdict.UNDECIDED, ("provider.refusal",))
        assert (done.verdict, done.unplayed) == told
        assert [arm for arm, _ in stage.jobs] == ["control"] * 3 + ["faulted"] * (slow == 2)


async def test_after_the_first_that_fails_nothing_more_is_begun_where_that_is_asked(monkeypatch):
    """Each that fails is told at once; with fail-fast what was not begun is listed as that, and no pass."""
    for fail_fast in (False, True):
        stage = Stage(monkeypatch)
        stage.go.set()
        stage.bad = True
        plan = planned(PROFILE, "live", DRILLS, ["provider.client_error"])
        told = []
        effort = Effort(jobs=1, fail_fast=fail_fast, found=told.append)
        done = await sweep(plan, Options(profile=PROFILE, stage="live", seed=1), effort)
        assert (len(told), len(done.results), len(done.unplayed)) == ((1, 1, 4) if fail_fast else (5, 5, 0))
        assert done.verdict is Verdict.FAILED


async def test_each_trial_keeps_its_histories_in_a_folder_of_its_own(monkeypatch, tmp_path):
    """Two faults on one drill do not take each other's place."""
    stage = Stage(monkeypatch)
    stage.go.set()
    plan = planned(PROFILE, "live", DRILLS, ["provider.refusal", "provider.malformed_json(form='html')"])
    options = Options(profile=PROFILE, stage="live", seed=1, histories=tmp_path)
    await sweep(plan, options, Effort(jobs=1))
    kept = {path.parent.name for path in tmp_path.rglob("*.jsonl")}
    assert {"provider.refusal", "provider.malformed_json_form=_html"} <= kept


def test_trials_that_would_meet_are_played_one_after_the_other():
    """In one service that runs elsewhere, or in one log, two trials could not be told apart."""
    url = replace(PROFILE, app="", url="http://127.0.0.1:9")
    assert jobs_max(PROFILE) > 1
    assert jobs_max(url) == jobs_max(replace(PROFILE, log="app.log")) == 1
    assert jobs_max(replace(PROFILE, log="{directory}/app.log")) > 1

"""What cannot be trusted is never a pass: the order in which a verdict is reached."""

from dataclasses import replace

import pytest

from harness.history import FaultFired, Outage, Snapshot
from harness.judge import judge
from harness.registry import Invariant
from harness.verdict import Finding, Verdict


@pytest.fixture
def made(unlogged):
    """Nothing is missed in these logs, which are empty."""
    return unlogged


def invariant(*messages: str, witnesses=frozenset({"wire"}), crash: bool = False) -> Invariant:
    """An invariant that finds just this."""

    def check(history):
        if crash:
            raise ZeroDivisionError("oracle")
        return [Finding(message=message, evidence="here") for message in messages]

    return Invariant(name="made.up", check=check, witnesses=frozenset(witnesses), summary="")


def verdict(history, *invariants: Invariant) -> Verdict:
    """The verdict of a history under invariants."""
    return judge(history, invariants or (invariant(),)).verdict


def test_nothing_wrong_passes(made):
    """A trusted history without a finding passes."""
    assert verdict(made.history(made.turn())) is Verdict.PASSED


def test_a_finding_fails(made):
    """A finding fails the run, and keeps its evidence and arm."""
    judgement = judge(made.history(made.turn()), [invariant("wrong")])
    assert judgement.verdict is Verdict.FAILED
    (violation,) = judgement.violations
    assert (violation.invariant, violation.message, violation.evidence, violation.arm) == (
        "made.up",
        "wrong",
        "here",
        "faulted",
    )


def test_a_log_without_the_promised_record_is_no_pass(made):
    """Of turns that were answered one record has to be there, or the log is not what the profile says; a finding stands."""
    promising = replace(made.header().contract, completion_event="done")
    turn = made.turn()
    untold = made.history(turn, contract=promising)
    (said,) = judge(untold, [invariant()]).untrusted
    assert said.startswith("of 1 answered turns the log has no done: ")
    assert verdict(untold, invariant("wrong")) is Verdict.FAILED
    told = made.history(turn, replace(made.completion(turn), event="done"), contract=promising)
    assert verdict(told) is Verdict.PASSED
    assert (
        verdict(made.history(turn, contract=promising, witnesses=("wire",), absent=("logs",)))
        is Verdict.PASSED
    )
    assert verdict(made.history(replace(turn, status=None), contract=promising)) is Verdict.PASSED


@pytest.mark.parametrize("promise", [{}, {"response_metric": None, "alarm_metrics": ("falls_total",)}])
def test_metrics_that_never_came_are_no_pass(made, promise):
    """Whoever promises to count must be seen to: a page that is refused each time makes the run invalid; a finding stands."""
    contract = replace(made.header().contract, **promise)
    page = Snapshot(at_s=9.0, name="metrics", status=404, data="not here")
    unread = made.history(made.turn(), page, contract=contract)
    (said,) = judge(unread, [invariant()]).untrusted
    assert said.startswith("the metrics were asked for and answered 404: ")
    assert verdict(unread, invariant("wrong")) is Verdict.FAILED
    unpromised = replace(contract, response_metric=None, alarm_metrics=())
    assert verdict(made.history(made.turn(), page, contract=unpromised)) is Verdict.PASSED


@pytest.mark.parametrize(
    ("alarms", "how", "trusted"),
    [
        ((), None, True),
        (("falls_total",), None, False),
        (("falls_total",), "paused", False),
        (("falls_total",), "killed", True),
    ],
)
def test_a_page_of_several_that_never_came_is_no_pass(made, alarms, how, trusted):
    """What the alarms have counted is on all pages together, unless a process took its own with it."""
    contract = replace(made.header().contract, response_metric="answers_total", alarm_metrics=alarms)
    page = Snapshot(at_s=9.0, name="metrics", status=503, data="no")
    outages = [Outage(at_s=1.0, ended_s=2.0, fault="", how=how)] if how else []
    half = made.history(made.turn(), *outages, page, replace(page, status=200), contract=contract)
    told = "of 2 pages of metrics 1 could not be read, one answered 503"
    assert list(judge(half, [invariant()]).untrusted) == ([] if trusted else [told])


@pytest.mark.parametrize(
    ("page", "trusted"), [("flying 0\n", True), ("flown 0\n", False), ("flying n/a\n", False)]
)
def test_a_gauge_that_is_not_on_the_page_is_no_pass(made, page, trusted):
    """What is at rest when it is low must be seen to be there."""
    contract = replace(made.header().contract, in_flight_metric="flying")
    read = Snapshot(at_s=9.0, name="metrics", status=200, data=page)
    said = judge(made.history(made.turn(), read, contract=contract), [invariant()]).untrusted
    assert [one.partition(":")[0] for one in said] == ([] if trusted else ["the metrics have no flying"])


def test_a_record_that_may_be_missing_is_no_silence(made):
    """Of a turn that nobody waited for, that the service did not get, or that its end overtook no record has to be there."""
    promising = replace(made.header().contract, completion_event="done")
    turn = made.turn()
    killed = Outage(at_s=turn.ended_s + 0.01, ended_s=turn.ended_s + 0.02, fault="", how="killed")
    for records in (
        (replace(turn, left=True),),
        (turn, killed),
        (replace(turn, role="beside", status=400, headers={}),),
        (replace(turn, method="GET", status=405),),
    ):
        assert verdict(made.history(*records, contract=promising)) is Verdict.PASSED, records


def test_a_strangers_answer_is_invalid_before_it_is_failed(made):
    """An answer without the nonce makes the run invalid, whatever else was found."""
    assert verdict(made.history(made.turn(), nonce_matched=False), invariant("wrong")) is Verdict.INVALID


def test_a_missing_witness_is_invalid(made):
    """An invariant whose witness did not testify is not judged, and the run is invalid."""
    judgement = judge(made.history(made.turn(), witnesses=("wire",)), [invariant(witnesses={"logs"})])
    assert judgement.verdict is Verdict.INVALID
    assert "made.up has no witness: logs" in judgement.untrusted
    assert judgement.checked == ()


def test_a_witness_that_the_target_does_not_have_makes_an_invariant_not_applicable(made):
    """What the target has no way to testify to is not judged and not counted; with nothing left the run is invalid."""
    history = made.history(made.turn(), witnesses=("wire",), absent=("logs",))
    judgement = judge(history, [invariant(), invariant("wrong", witnesses={"logs"})])
    assert judgement.verdict is Verdict.PASSED
    assert judgement.checked == ("made.up",)
    assert judge(history, [invariant(witnesses={"logs"})]).verdict is Verdict.INVALID


def test_a_promise_that_is_not_made_is_not_asked_for(made):
    """An invariant on something that the contract does not promise is not judged, and not said to have been."""
    needs = replace(invariant("wrong"), promises=("response_metric",))
    silent = replace(made.header().contract, response_metric=None)
    assert judge(made.history(made.turn(), contract=silent), [needs, invariant()]).checked == ("made.up",)
    assert judge(made.history(made.turn()), [needs]).verdict is Verdict.FAILED


def test_a_provider_that_was_never_asked_is_invalid(made):
    """Where no level is promised to answer, a run in which the provider saw no call proves nothing of it."""
    silent = replace(made.header().contract, primary_method=None)
    judgement = judge(made.history(made.turn(), contract=silent), [invariant()])
    assert judgement.verdict is Verdict.INVALID
    assert "the provider was never asked" in judgement.untrusted[0]
    asked = made.history(made.turn(), made.call(made.turn()), contract=silent)
    assert judge(asked, [invariant()]).verdict is Verdict.PASSED


def test_what_the_driver_doubts_is_invalid(made):
    """A profile that does not mean what it says makes the run invalid, in the driver's words."""
    judgement = judge(made.history(made.turn(), doubts=("no session at /sid",)), [invariant()])
    assert judgement.verdict is Verdict.INVALID
    assert "no session at /sid" in judgement.untrusted


def test_a_crashed_oracle_is_invalid(made):
    """An oracle that raises is named with its place, and the run is invalid."""
    judgement = judge(made.history(made.turn()), [invariant(crash=True)])
    assert judgement.verdict is Verdict.INVALID
    assert "made.up crashed: ZeroDivisionError('oracle') at check:" in judgement.untrusted[0]


def test_no_oracle_and_no_exchange_are_invalid(made):
    """A run that nobody judged, or in which nothing was said, proves nothing."""
    assert judge(made.history(made.turn()), []).verdict is Verdict.INVALID
    assert verdict(made.history()) is Verdict.INVALID


def test_of_a_run_that_was_cut_short_only_what_was_seen_is_judged(made):
    """Where the target died, an oracle that needs the end of the run is not asked; one that does not is."""
    died = Outage(at_s=1.0, ended_s=1.0, fault="", how="died", exit_code=7)
    whole, cut = invariant("whole"), replace(invariant("cut"), name="cut", of_a_cut_run=True)
    judgement = judge(made.history(made.turn(), died), [whole, cut])
    assert [one.message for one in judgement.violations] == ["cut"]
    assert judgement.checked == ("cut",)
    assert judgement.verdict is Verdict.FAILED
    assert len(judge(made.history(made.turn()), [whole, cut]).violations) == 2


def test_a_fault_that_never_fired_is_invalid(made):
    """A declared fault that did not fire makes a clean run invalid, and a failed one stays failed."""
    history = made.history(made.turn(), declared=("provider.no_reply",))
    assert verdict(history) is Verdict.INVALID
    assert verdict(history, invariant("wrong")) is Verdict.FAILED
    fired = FaultFired(at_s=1.0, fault="provider.no_reply")
    assert verdict(made.history(made.turn(), fired, declared=("provider.no_reply",))) is Verdict.PASSED


def test_a_fault_that_fired_in_the_control_run_is_invalid(made):
    """A run that declares no fault and sees one fire is no control."""
    assert verdict(made.history(made.turn(), FaultFired(at_s=1.0, fault="x"))) is Verdict.INVALID


@pytest.mark.parametrize(("lag_ms", "wanted"), [(49.0, Verdict.PASSED), (51.0, Verdict.UNDECIDED)])
def test_a_slow_machine_decides_nothing(made, lag_ms, wanted):
    """Where the harness's own ticker was over 50 ms late, a clean run is undecided."""
    assert verdict(made.history(made.turn(), harness_lag_ms_max=lag_ms)) is wanted


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["passed", "undecided", "invalid", "failed"], "failed"),
        (["passed", "undecided", "invalid"], "invalid"),
        (["passed", "undecided"], "undecided"),
        (["passed"], "passed"),
        ([], "invalid"),
    ],
)
def test_a_run_takes_the_worst_of_its_scenarios(verdicts, worst):
    """Failed before invalid before undecided before passed; nothing at all is invalid."""
    assert Verdict.worst(map(Verdict, verdicts)) == worst


def test_exit_codes_are_those_of_the_command_line():
    """0 passed, 1 failed, 3 invalid, 4 undecided."""
    assert [verdict.exit_code for verdict in Verdict] == [0, 1, 3, 4]

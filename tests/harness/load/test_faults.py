"""Faults as phases of a load, on the reference service."""

from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults.client_requests import ClientGarbageBody
from harness.faults.loop_foreign import LoopForeign
from harness.faults.process import ProcessKill, ProcessRestart
from harness.faults.process_instances import ProcessSecondInstance, StoreConflict
from harness.faults.process_worker import ProcessWorkerDead
from harness.faults.provider import ProviderServerError
from harness.faults.store import StoreDown
from harness.gates import parse
from harness.load.faults import check_faults
from harness.load.options import LoadOptions
from harness.load.phases import Phase
from harness.load.run import RENEWED, Load
from harness.rig import Window
from harness.scenario import Scenario, Turn
from harness.targets.profile import load
from harness.verdict import Verdict

pytestmark = pytest.mark.usefixtures("patience")
MOSTLY = (parse("error_rate < 90%"),)
PHASES = tuple(map(Phase.of, ("before 2s 40/s", "during 2s 40/s", "after 2s 40/s")))


def options(**window: Any) -> LoadOptions:
    """A load under a provider that answers with a 500."""
    scenario = Scenario(name="down", steps=(Turn(),), faults=(ProviderServerError(window=Window(**window)),))
    return LoadOptions(phases=PHASES, gates=MOSTLY, scenario=scenario)


async def test_a_fault_is_there_in_its_phase_alone() -> None:
    """It fires; most answers of its phase say that another method stood in, and most of those before do not."""
    report = await Load().run(options())
    assert report.reasons == ()
    assert report.fired["provider.server_error"] > 0
    methods = {key[2]: cell.methods for key, cell in report.run.cells.by_key.items()}
    commonest = {phase: counted.most_common(1)[0][0] for phase, counted in methods.items()}
    assert (commonest["before"], commonest["during"]) == ("conversation_aware", "pattern")


async def test_a_fault_that_never_fires_makes_the_run_invalid() -> None:
    """Armed and met by nothing, it proves nothing."""
    report = await Load().run(options(p=1e-9))
    assert report.verdict is Verdict.INVALID
    assert "provider.server_error never fired" in report.reasons


@pytest.mark.parametrize(
    ("fault", "told"),
    # SIGKILL takes what was answered and not yet logged with it: a record follows its answer, from a thread.
    [(ProcessKill(), "misreported <= 3"), (ProcessRestart(), "misreported == 0")],
)
async def test_a_target_that_a_fault_ends_is_there_again(fault: Any, told: str) -> None:
    """Another process goes on at the same place, signed as the first was; that it counts from 0 is said, and no doubt."""
    scenario = Scenario(name="ended", steps=(Turn(),), faults=(fault,), stages=("live",))
    log_too = (*MOSTLY, parse(told))
    report = await Load().run(LoadOptions(phases=PHASES, gates=log_too, scenario=scenario))
    assert report.reasons == ()
    assert report.fired[fault.name] == 1
    assert RENEWED in report.notes
    assert [each.message for each in report.gates if each.verdict is not Verdict.PASSED] == []


def test_what_cannot_be_done_under_load_is_refused() -> None:
    """A client's own doing, and a run without a phase for faults."""
    for fault in (
        ClientGarbageBody(),
        LoopForeign(),
        ProcessSecondInstance(),
        ProcessWorkerDead(),
        StoreConflict(),
        StoreDown(ready="/health/ready"),
    ):
        with pytest.raises(UsageError, match="the clients are the load here"):
            check_faults((fault,), PHASES, load())
    check_faults((StoreDown(),), PHASES, load())
    with pytest.raises(UsageError, match="are there in a phase `during`"):
        check_faults((ProviderServerError(),), PHASES[:1], load())

"""What a load is for, beside its verdict: what it compares is told with what it could not look at."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.load_modes import Mode, carried_out
from harness.commands.load_report import Outputs
from harness.errors import UsageError
from harness.gates import parse
from harness.load.options import LoadOptions
from harness.load.run import Load
from harness.load.target import Starter
from harness.verdict import Verdict

pytestmark = pytest.mark.usefixtures("patience")
Stub = Callable[..., Starter]
OPTIONS = LoadOptions(requests=20, rate_per_s=100, gates=(parse("error_rate < 50%"), parse('log("x") == 0')))
RISES = parse('log("x") increases')


def outputs(told: Path) -> Outputs:
    """The report as JSON alone."""
    return Outputs(json=told, junit=None, html=None, quiet=True)


def test_two_targets_in_turns_name_the_gates_that_they_leave_out(stub: Stub, tmp_path: Path) -> None:
    """A B B A by the command: four runs are kept, and the gate on a log that was waived is told, not forgotten."""
    options = replace(OPTIONS, without_log=True)
    mode = Mode(baseline=None, against=options, knee=False)
    verdict = carried_out(
        options, mode, Load(start=stub(), keep=tmp_path / "kept"), outputs(tmp_path / "o.json")
    )
    told = json.loads((tmp_path / "o.json").read_text())
    assert verdict in {Verdict.PASSED, Verdict.UNDECIDED}, told
    assert told["unwitnessed"] == ['log("x") == 0']
    assert "error_rate < 50%" in {gate["name"] for gate in told["gates"]}
    assert sorted(place.name for place in (tmp_path / "kept").iterdir()) == [
        "turn1",
        "turn2",
        "turn3",
        "turn4",
    ]


def test_what_increases_needs_a_baseline_with_a_log(stub: Stub, tmp_path: Path) -> None:
    """One kept without its log is refused before anything is sent, with both ways out; with --without-log it is compared."""
    kept, gates = tmp_path / "kept", (*OPTIONS.gates, RISES)
    quiet = replace(OPTIONS, without_log=True)
    carried_out(
        quiet,
        Mode(baseline=None, against=None, knee=False),
        Load(start=stub(), keep=kept),
        outputs(tmp_path / "o"),
    )
    mode = Mode(baseline=kept, against=None, knee=False, gates=gates)

    def second(options: LoadOptions) -> dict[str, object]:
        carried_out(options, mode, Load(start=stub()), outputs(tmp_path / "second.json"))
        return dict(json.loads((tmp_path / "second.json").read_text()))

    with pytest.raises(
        UsageError, match=r'log\("x"\) increases: the baseline .*leave the gate out, or give --without-log'
    ):
        second(replace(OPTIONS, gates=gates))
    assert not (tmp_path / "second.json").exists()
    assert second(replace(quiet, gates=gates))["unwitnessed"] == ['log("x") == 0', 'log("x") increases']

"""The kit tells a bridge that fails from one that hangs, refuses, is not there, or has met a property that crashed."""

import contextlib
import importlib
import os
import select
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bridges.adapter import Context
from harness.bridges.kit import Asked, Kit, describe
from harness.bridges.place import Raised
from harness.bridges.play import stood_in_line_s
from harness.bridges.property import Property, catalog
from harness.bridges.results import BridgeResult, Cell, CellVerdict
from harness.errors import UsageError
from harness.verdict import Verdict

ON_LOOP = catalog()["A2"]
PEER = Asked(spec="needs_a_package:Peer", name="a peer", required=False)


def asked(bridge: str, *, required: bool = True) -> Asked:
    """A bridge of the file of broken ones."""
    return Asked(spec=f"broken_bridges:{bridge}", name=bridge, required=required)


def odd(*names: str) -> dict[str, Property]:
    """Some of the odd properties; they are found only while a test runs."""
    things = vars(importlib.import_module("odd_properties")).values()
    return {made.name: made for made in things if isinstance(made, Property) and made.name in names}


@pytest.fixture
def odd_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters that are almost ones: without a `run`, given as a class by a factory, and with an import that hangs."""
    (tmp_path / "odd_adapters.py").write_text(
        "from broken_bridges import Adapter, Sound\nclass Runless(Adapter):\n    name = 'runless'\n"
        "def gives_class():\n    return Sound\n"
    )
    (tmp_path / "slow_adapter.py").write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.syspath_prepend(tmp_path)


def is_gone(process: int) -> bool:
    """Whether a process has ended, or does within ten seconds."""
    try:
        watched = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    with contextlib.closing(os.fdopen(watched)) as end:
        return bool(select.select([end], [], [], 10.0)[0])


async def judged(bridge: str, *names: str, **options: Any) -> BridgeResult:
    """One bridge against some of the odd properties."""
    kit = Kit(odd(*names), on_loop=ON_LOOP, **options)
    (result,) = await kit.judge([asked(bridge)])
    return result


def verdicts(result: BridgeResult) -> dict[str, str]:
    """Its cells, by name."""
    return {cell.name: str(cell.verdict) for cell in result.cells}


async def test_a_hang_is_ended_with_its_stacks_and_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that takes too long is a hang that shows where it stood, and neither it nor its own children are left."""
    monkeypatch.setenv("BRIDGE_PID", str(tmp_path / "pid"))
    result = await judged("Sound", "X3")
    (cell,) = result.cells
    assert (cell.verdict, cell.reason) == (CellVerdict.HANG, "still running after 0.3 s")
    assert "hangs_here" in cell.stacks
    assert result.verdict is Verdict.FAILED
    assert is_gone(int((tmp_path / "pid").read_text()))


async def test_a_property_that_crashes_is_no_verdict_on_the_bridge() -> None:
    """A mistake of the property makes its cell and the whole invalid, and is told with its traceback."""
    result = await judged("Sound", "X1", "X4", "X8", "Y5")
    assert verdicts(result) == {
        "X1/no_loop": "pass",
        "X4/no_loop": "invalid",
        "X8/no_loop": "invalid",
        "Y5/on_loop": "invalid",
    }
    assert "in crashes" in result.cells[1].reason
    assert "does not accept timeout" in result.cells[2].reason
    assert result.verdict is Verdict.INVALID
    assert result.verdict.exit_code == 3


async def test_a_process_that_dies_has_failed() -> None:
    """A bridge that takes its process with it has failed, with the exit code and the last words."""
    (cell,) = (await judged("Sound", "X5")).cells
    assert (cell.verdict, cell.reason) == (CellVerdict.FAIL, "the process ended with 7: the last words")


async def test_a_cell_that_does_not_start_is_invalid() -> None:
    """Where the process was never ready, nothing is known of the bridge."""
    lost = {"X1": replace(catalog()["A1"], function="odd_properties:nothing")}
    (result,) = await Kit(lost, on_loop=ON_LOOP).judge([asked("Sound")])
    assert result.cells[0].verdict is CellVerdict.INVALID
    assert "has no attribute 'nothing'" in result.cells[0].reason


async def test_a_refusal_is_right_only_where_it_is_named() -> None:
    """On a loop's thread it is accepted by the properties that say so, and the others there do not apply."""
    result = await judged("Refuses", "X9", "Y1")
    assert verdicts(result) == {
        "X9/no_loop": "pass",
        "X9/on_loop": "refused",
        "Y1/on_loop": "not_applicable",
    }
    assert "await it instead" in result.cells[1].reason
    assert result.verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("bridge", "on_loop", "reason"),
    [
        ("RefusesAlways", "refused", "refused with RuntimeError: not today: come back tomorrow"),
        ("RefusesInSilence", "fail", "the call raised RuntimeError"),
        ("RefusesTooLate", "fail", "but coroutine 'same' was never awaited"),
    ],
)
async def test_a_refusal_anywhere_else_or_of_another_kind_fails(
    bridge: str, on_loop: str, reason: str
) -> None:
    """A refusal without a loop fails; so does one without a word, and one that leaves a coroutine un-awaited."""
    result = await judged(bridge, "X9")
    assert verdicts(result) == {"X9/no_loop": "fail", "X9/on_loop": on_loop}
    assert reason in result.cells[0].reason


def test_a_refusal_comes_at_once_and_before_the_body() -> None:
    """What came late, after the body had begun, is no Exception, or is what a bug raises, is no refusal."""
    said = RuntimeError("no")
    assert Raised(said, False, 0.1).refused
    assert not Raised(said, True, 0.1).refused
    assert not Raised(said, False, 1.1).refused
    assert not Raised(KeyboardInterrupt("no"), False, 0.1).refused
    assert not Raised(AttributeError("'NoneType' object has no attribute 'run'"), False, 0.1).refused


async def test_what_a_bridge_has_not_is_not_applicable() -> None:
    """Contexts and options that an adapter does not name decide what applies, and nothing judged is no pass."""
    result = await judged("Duck", "X6", "Y1")
    assert verdicts(result) == {"X6/no_loop": "not_applicable", "Y1/on_loop": "not_applicable"}
    assert [cell.reason for cell in result.cells] == [
        "takes no cancel and no timeout",
        "not a context of this bridge",
    ]
    assert result.verdict is Verdict.INVALID


async def test_what_is_declared_is_measured_and_never_a_pass() -> None:
    """What is declared where a refusal would be accepted reads declared; elsewhere a declaration changes nothing."""
    result = await judged("Declares", "X1", "X2", "X9")
    assert verdicts(result) == {
        "X1/no_loop": "pass",
        "X2/no_loop": "fail",
        "X9/no_loop": "pass",
        "X9/on_loop": "declared",
    }
    assert result.cells[-1].reason == "measured: pass"


async def test_a_bridge_that_cannot_be_closed_fails() -> None:
    """The end of the adapter is part of every cell."""
    (cell,) = (await judged("Unclosable", "X1")).cells
    assert (cell.verdict, cell.reason) == (CellVerdict.FAIL, "close raised OSError: the loop is gone")


@pytest.mark.parametrize(("waited_s_max", "verdict"), [(-1.0, "pass"), (1e9, "fail")])
async def test_a_cell_that_stood_in_line_is_played_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited_s_max: float, verdict: str
) -> None:
    """A failure counts at once where the machine was fast enough, and otherwise only when it comes again."""
    monkeypatch.setenv("BRIDGE_TRIED", str(tmp_path / "tried"))
    (cell,) = (await judged("Sound", "X7", jobs=2, waited_s_max=waited_s_max)).cells
    assert (cell.verdict, cell.repeated) == (verdict, verdict == "pass")


def test_time_in_line_is_what_the_system_counts(tmp_path: Path) -> None:
    """It is the sum over the threads, in seconds; one that has just ended is left out; it is unknown where nobody counts."""
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "schedstat").write_text("70 1500000000 3\n")
    (tmp_path / "3").mkdir()
    assert stood_in_line_s(tmp_path) == 3.0
    assert stood_in_line_s(tmp_path / "3") is None
    assert stood_in_line_s(tmp_path / "nothing") is None


async def test_a_bridge_that_is_not_installed_is_listed_and_never_passes() -> None:
    """A peer whose package is missing has a row of its own, next to those that are there."""
    kit = Kit(odd("X1"), on_loop=ON_LOOP)
    missing, there = await kit.judge([PEER, asked("Duck")])
    assert missing.missing == "ModuleNotFoundError: No module named 'package_of_nobody'"
    assert (missing.name, verdicts(missing)) == ("a peer", {"X1/no_loop": "not_installed"})
    assert missing.verdict is Verdict.INVALID
    assert (there.name, there.version, there.verdict) == ("duck", "-", Verdict.PASSED)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("needs_a_package:Peer", "not installed: ModuleNotFoundError: No module named 'package_of_nobody'"),
        ("no_such_module:Bridge", "there is no module no_such_module here"),
        ("broken_bridges.deeper:Bridge", "there is no module broken_bridges.deeper here"),
        ("broken_bridges:Nothing", "has no Nothing; give MODULE:NAME"),
        ("broken_bridges:NO_BRIDGE", "is no adapter; give it a name and run"),
        ("broken_bridges:Wordless", "'somewhere' is not a valid Context; contexts and options are: no_loop"),
        ("harness.bridges.adapter:Adapter", "is no adapter; give it a name and run"),
        ("odd_adapters:Runless", "odd_adapters:Runless: has no run of its own; give it run"),
        ("needs_a_package:raises", "TypeError: today not; mend the adapter"),
        ("needs_a_package:ends", "its process ended with 5: the last word; mend the adapter"),
    ],
)
@pytest.mark.usefixtures("odd_adapters")
async def test_a_bridge_that_is_asked_for_must_be_one(spec: str, said: str) -> None:
    """What cannot be judged is a usage error with its remedy, and nothing is played."""
    kit = Kit(odd("X1"), on_loop=ON_LOOP)
    with pytest.raises(UsageError, match=said):
        await kit.judge([asked("Duck"), Asked(spec=spec, name=spec, required=True)])


async def test_a_required_peer_that_is_missing_is_told_by_the_name_of_its_row() -> None:
    """Who has asked for a row reads its name, not where the harness keeps its adapter."""
    with pytest.raises(UsageError, match=r"^a peer: not installed: ModuleNotFoundError"):
        await describe(replace(PEER, required=True))


@pytest.mark.usefixtures("odd_adapters")
async def test_an_import_that_does_not_end_is_told_as_one() -> None:
    """A process that had to be killed before it was ready says that it was still importing, and for how long."""
    with pytest.raises(UsageError, match=r"^slow: still importing after 0\.2 s; mend the adapter"):
        await describe(Asked(spec="slow_adapter:Slow", name="slow", required=True), start_s_max=0.2)


@pytest.mark.usefixtures("odd_adapters")
async def test_an_adapter_is_a_class_or_a_factory_and_may_be_no_subclass() -> None:
    """A factory's bridge, or its class, and one with nothing but plain strings, a name and `run` are judged alike."""
    kit = Kit({"A1": catalog()["A1"]}, on_loop=ON_LOOP)
    gives_class = replace(asked("factory"), spec="odd_adapters:gives_class")
    results = await kit.judge([asked("factory"), gives_class, asked("Duck")])
    assert [(result.name, verdicts(result)) for result in results] == [
        ("sound", {"A1/no_loop": "pass"}),
        ("sound", {"A1/no_loop": "pass"}),
        ("duck", {"A1/no_loop": "pass"}),
    ]


async def test_a_place_keeps_what_it_promises() -> None:
    """What is beside a body runs next to it, a cancelled entry is told, and a host loop that ends is a failure."""
    result = await judged("Sound", "Y2", "Y3", "Y4")
    assert verdicts(result) == {
        "Y2/worker": "pass",
        "Y2/on_loop": "pass",
        "Y2/portal": "pass",
        "Y3/worker": "pass",
        "Y4/on_loop": "fail",
    }
    assert result.cells[-1].reason == "the host loop ended with SystemExit: 4"


def test_the_worst_of_all_contexts_is_shown() -> None:
    """A row shows a hang before a failure, a failure before a pass, and a crash before all."""
    order = [CellVerdict.PASS, CellVerdict.REFUSED, CellVerdict.FAIL, CellVerdict.HANG, CellVerdict.INVALID]
    for count in range(1, len(order) + 1):
        cells = tuple(
            Cell(tried="A1", context=context, verdict=verdict)
            for context, verdict in zip([*Context, Context.NO_LOOP], order[:count], strict=False)
        )
        row = BridgeResult(name="", spec="", version="", cells=cells)
        assert row.worst("A1") is order[count - 1]


def test_two_properties_of_one_id_are_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: Path
) -> None:
    """The catalogue is in order, has a sentence for each, and refuses a second property of the same id."""
    names = list(catalog())
    assert names == sorted(names)
    for made in catalog().values():
        assert made.summary.endswith("."), made.name
    twice = tmp_path / "twice"
    twice.mkdir()
    (twice / "__init__.py").touch()
    text = (beside / "odd_properties.py").read_text().replace('"X2"', '"X1"')
    (twice / "odd.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="two properties are called X1"):
        catalog("twice")

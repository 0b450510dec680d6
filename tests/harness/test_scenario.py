"""A scenario that cannot be played is refused where it is written, in one line with the remedy."""

import os
import re
import sys
import textwrap

import pytest

from harness import library
from harness.errors import UsageError
from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import (
    Disconnect,
    Parallel,
    Request,
    Restart,
    Scenario,
    Schedule,
    Turn,
    Wait,
    flat,
    load,
)


def written(tmp_path, text: str):
    """A scenario file with this text."""
    path = tmp_path / "made_up.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_file_names_its_scenario(tmp_path):
    """The file's name is the scenario's, and the first paragraph of its docstring the summary."""
    path = written(
        tmp_path,
        '''
        """What happened,
        in two lines.

        More of it.
        """
        from harness.scenario import Scenario, Turn
        SCENARIO = Scenario(steps=(Turn(),))
        ''',
    )
    scenario = load(path)
    assert (scenario.name, scenario.summary) == ("made_up", "What happened, in two lines.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SCENARIO = 1", "assigns one Scenario to SCENARIO"),
        ("raise SystemExit(0)", "made_up.py:1: SystemExit"),
        ("x = (", "made_up.py:1: "),
        ("\nimport no_such_module", "made_up.py:2: ModuleNotFoundError"),
        ("from harness.scenario import Scenario\nSCENARIO = Scenario(steps=())", "at least one step"),
        ("from harness.scenario import Scenario\nSCENARIO = Scenario(stepz=())", "made_up.py:2: TypeError"),
        ("from harness.rig import Window\nWindow(p=2.0)", "p=2.0: must be at least 1e-09 and at most 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path, text, said):
    """A wrong assignment, a syntax error, a missing module, no step, an unknown knob and one out of range."""
    with pytest.raises(UsageError) as refused:
        load(written(tmp_path, text))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A path without a file is refused with the way to what there is."""
    with pytest.raises(UsageError, match="no such scenario file"):
        load(tmp_path / "none.py")


@pytest.mark.parametrize(
    "step", [Wait(for_s=-1.0), Wait(for_s=float("nan")), Disconnect(after_s=float("inf"))]
)
def test_seconds_that_are_none_are_refused(step):
    """Negative, infinite and undefined durations are refused, inside Parallel too where it may stand."""
    with pytest.raises(UsageError, match="seconds must be finite"):
        Scenario(steps=(step,))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("x", "'x' is no step here"),
        (Parallel(steps=()), "put at least one step into it"),
        (Parallel(steps=(Wait(for_s=0.1),)), "is no step here"),
        (Parallel(steps=(Restart(),)), "is no step here"),
        (Turn(message=5), "both are texts"),
        (Turn(retries=-1), "retries=-1"),
        (Turn(idempotency_key="k\u00e9y"), "visible ASCII only"),
        (Turn(idempotency_key=""), "visible ASCII only"),
        (Request(path="health"), "path='health': begins with /"),
        (Request(path="/a\n"), "visible ASCII"),
        (Request(path="/", headers={"x": "a\r\nb"}), "visible ASCII only"),
        (Request(path="/", body=object()), "cannot be written as JSON"),
    ],
)
def test_a_step_that_cannot_be_played_is_refused(step, said):
    """What is no step, what may not run in parallel, and fields that HTTP cannot carry are refused by name."""
    with pytest.raises(UsageError, match=re.escape(said)):
        Scenario(steps=(step,))


def test_what_no_stage_carries_is_refused():
    """An unknown stage, a window after the last step, and no golden turn are refused before anything is played."""
    with pytest.raises(UsageError, match="there are simulated, live"):
        Scenario(steps=(Turn(),), stages=("moon",))
    with pytest.raises(UsageError, match="from_step=1, and the last step is 0"):
        Scenario(steps=(Turn(),), faults=(ProviderNoReply(window=Window(from_step=1)),))
    with pytest.raises(UsageError, match="golden_turns=0"):
        Scenario(steps=(Turn(),), golden_turns=0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"seed": "abc"}, "seed='abc': must be a whole number"),
        ({"seed": -5}, "seed=-5: must be a whole number, at least 0"),
        ({"schedule": "abc"}, "schedule='abc': must be a Schedule"),
        ({"schedule": Schedule(code="c")}, "say stages=('simulated',)"),
    ],
)
def test_a_seed_and_a_schedule_are_what_they_say(fields, said):
    """A seed is a number in its range, and a schedule one of a simulated run."""
    with pytest.raises(UsageError, match=re.escape(said)):
        Scenario(steps=(Turn(),), **fields)


def test_a_hold_is_a_lane_a_step_and_a_number_of_times():
    """Anything else is refused where it is written, and not where it is played."""
    with pytest.raises(UsageError, match=re.escape("('main', 3) is no hold")):
        Schedule(code="c", holds=(("main", 3),))


def test_a_file_that_is_written_twice_in_a_second_is_read_as_it_is(tmp_path, monkeypatch):
    """No bytecode of the first version is taken for the second, though size and time of the file are the same."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = "from harness.scenario import Scenario, Turn\nSCENARIO = Scenario(steps=(Turn(session={!r}),))"
    for session in ("one", "two"):
        path = written(tmp_path, text.format(session))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert load(path).steps[0].session == session


def test_an_opening_turn_is_not_sent_again():
    """A retried first turn would open its session twice, for no key is honoured before there is a session."""
    with pytest.raises(UsageError, match="to open the session"):
        Scenario(steps=(Turn(idempotency_key="k", retries=1),))
    Scenario(steps=(Turn(), Turn(idempotency_key="k", retries=1)))


def test_parallel_first_turns_of_one_session_are_refused():
    """Two turns that begin together cannot both open their session: which one names it would be chance."""
    with pytest.raises(UsageError, match="open"):
        Scenario(steps=(Parallel(steps=(Turn(), Turn())),))
    Scenario(steps=(Turn(), Parallel(steps=(Turn(), Turn()))))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"from_step": -1}, "from_step=-1"),
        ({"from_step": 2, "until_step": 1}, "until_step=1"),
        ({"first_n": 0}, "first_n=0"),
        ({"every_k": 0}, "every_k=0"),
        ({"p": 0.0}, "p=0.0"),
        ({"p": float("nan")}, "p=nan"),
        ({"level": "third"}, "level='third'"),
    ],
)
def test_a_window_that_never_opens_is_refused(knobs, said):
    """Each knob of a window is held to its range, and named."""
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        Window(**knobs)


def test_steps_are_flattened_in_order():
    """Steps inside Parallel count where they stand."""
    one, two, three = Turn(session="1"), Turn(session="2"), Turn(session="3")
    assert flat((one, Parallel(steps=(two, three)))) == (one, two, three)


def test_the_library_is_found_by_name_folder_and_path():
    """A name, a folder of the library and a path lead to the same scenario."""
    (named,) = library.find(["history_lost"])
    assert named in library.find(["incidents"])
    assert library.find([str(library.root() / "incidents" / "history_lost.py")]) == (named,)
    with pytest.raises(UsageError, match="no scenario is called nothing"):
        library.find(["nothing"])

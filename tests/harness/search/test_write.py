"""What is written reads back as the same scenario, is data and nothing else, and is whole or not there."""

import ast
import enum
import math
import tokenize
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.faults import ProviderBadScore, ProviderNoReply, ProviderServerError
from harness.recognition import holds_a_scenario
from harness.redaction import Redactor, Rules
from harness.registry import ALL_STAGES, FAULTS, INVARIANTS
from harness.rig import Window
from harness.scenario import SEED_MAX, Parallel, Request, Scenario, Schedule, Turn, load
from harness.search.layout import Group, laid_out
from harness.search.scenarios import Surface
from harness.search.strategies import scenarios
from harness.search.write import source, write

WIDTH = 110
TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(
    ['"""', "'''", "\\", '\\"', '""""""', "{canary}", "\n", "\r", "\x00", "\x1b[31m", "\ud800", "\u202e", "# coding: latin-1", "\N{BOM}", '"', "'\""]
)  # fmt: skip
HEADERS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
STEPS = st.builds(
    Turn, session=TEXTS, message=TEXTS, idempotency_key=st.none() | HEADERS
) | st.builds(
    Request,
    method=st.sampled_from(["GET", "POST"]),
    path=HEADERS.map(lambda text: f"/{text}"),
    body=BODIES,
    raw=st.none() | st.binary(max_size=20),
    headers=st.dictionaries(HEADERS, HEADERS, max_size=2),
)  # fmt: skip
HOLDS = st.lists(st.tuples(TEXTS, st.integers(0, 10**6), st.integers(1, 99)), max_size=5).map(tuple)


def anew(scenario: Scenario, place: Path, told: list[str]) -> None:
    """Write it where another one may have been before."""
    place.unlink(missing_ok=True)
    write(scenario, place, told)


@st.composite
def nasty(draw: st.DrawFn) -> Scenario:
    """A drawn scenario with texts in it that would like to be something else, a seed and a schedule."""
    drawn = draw(scenarios(Surface(restarts=True, health="/health")))
    schedule = draw(st.none() | st.builds(Schedule, code=TEXTS, holds=HOLDS))
    own = (INVARIANTS.get("liveness.recovers"),) if draw(st.booleans()) else ()
    defects = tuple(draw(st.lists(TEXTS, max_size=2)))
    steps = (*drawn.steps, *draw(st.lists(STEPS, max_size=3)))
    changed = replace(
        drawn, steps=steps, invariants=own, defects=defects, golden_turns=draw(st.integers(1, 3))
    )
    return replace(changed, seed=draw(st.none() | st.integers(0, SEED_MAX)), schedule=schedule)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are written."""
    return tmp_path_factory.mktemp("written") / "found.py"


def same(scenario: Scenario) -> Scenario:
    """The scenario without what a file gives it."""
    return replace(scenario, name="", summary="", origin="")


@settings(deadline=None)
@given(scenario=nasty(), told=st.lists(TEXTS, max_size=4))
@example(scenario=Scenario(steps=(Turn(),)), told=['"""\nimport os\n"""'])
@example(scenario=Scenario(steps=(Turn(),)), told=["x\\"])
@example(scenario=Scenario(steps=(Turn(),)), told=['"'])
@example(scenario=Scenario(steps=(Turn(),)), told=['"""'])
@example(scenario=Scenario(steps=(Turn(),)), told=['""""; import os; """"'])
@example(scenario=Scenario(steps=(Turn(),)), told=["first", "# -*- coding: utf-7 -*-"])
def test_what_was_written_reads_back_as_the_same(place, scenario, told):
    """Whatever texts, numbers and bodies are in it, and whatever is told: the file loads, and holds this scenario."""
    anew(scenario, place, told)
    loaded = load(place)
    assert repr(same(loaded)) == repr(scenario)  # a NaN among the knobs is equal to none, itself included
    assert (loaded.name, loaded.origin) == ("found", str(place.resolve()))


@settings(deadline=None)
@given(scenario=nasty(), told=st.lists(TEXTS, max_size=4))
def test_a_scenario_file_is_data(place, scenario, told):
    """A docstring, from-imports of names, and one assignment of calls of these names on literals: nothing else is code."""
    anew(scenario, place, told)
    data = place.read_bytes()
    assert holds_a_scenario(data)
    first, *imports, last = ast.parse(data).body
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Constant)
    assert isinstance(last, ast.Assign)
    assert [ast.unparse(target) for target in last.targets] == ["SCENARIO"]
    names = {"float"}
    for node in imports:
        assert isinstance(node, ast.ImportFrom)
        assert str(node.module).split(".")[0] == "harness"
        names |= {alias.asname or alias.name for alias in node.names}
    used = {node.id for node in ast.walk(last.value) if isinstance(node, ast.Name)}
    assert used <= names <= used | {"float"}
    allowed = (ast.Call, ast.keyword, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Name, ast.Load, ast.UnaryOp, ast.USub)  # fmt: skip
    assert all(isinstance(node, allowed) for node in ast.walk(last.value))


@given(st.lists(TEXTS | st.text(max_size=300), max_size=4))
@example(["Q=<"])
def test_what_is_told_is_shown_and_never_acted_on(told):
    """The docstring holds every word that can be printed, and of the rest an escape: no terminal is ever commanded."""
    assume(Redactor(Rules()).lines(told) == told)  # what looks as if a user had written it is a mark there
    text = source(Scenario(steps=(Turn(),)), told=told)
    docstring = ast.get_docstring(ast.parse(text), clean=False) or ""
    assert docstring.strip()
    assert all(line.isprintable() for line in docstring.split("\n"))
    letters = [letter for line in told for letter in line if letter.isprintable() and not letter.isspace()]
    rest = iter(docstring)
    assert all(letter in rest for letter in letters)


@settings(deadline=None)
@given(scenarios(Surface(restarts=True, health="/health")), st.lists(st.text(max_size=200), max_size=3))
def test_lines_are_as_long_as_the_house_has_them(scenario, told):
    """What can be broken is: no line of what is drawn is over 110 characters."""
    words = [" ".join(text[:20] for text in line.split()) for line in told]
    assert all(len(line) <= WIDTH for line in source(scenario, told=words).splitlines() if "\\" not in line)


WRITTEN = '''"""A turn is lost.

Found by a search, and made as small as it is.
"""

from harness.faults import ProviderNoReply
from harness.invariants.liveness import recovers
from harness.scenario import Parallel, Request, Scenario, Schedule, Turn
from harness.window import Window

SCENARIO = Scenario(
    steps=(
        Turn(),
        Parallel(steps=(Turn(message='Say "{canary}".'), Turn(session="b", message="It's {canary}"))),
        Request(path="/health", body=[1.5, None, {"a": (True, -2)}], headers={"accept": "*/*"}),
    ),
    faults=(ProviderNoReply(window=Window(from_step=1, first_n=2), for_s=11.0),),
    invariants=(recovers,),
    stages=("simulated",),
    seed=7,
    schedule=Schedule(
        code="c0de",
        holds=(("main/thread1/task12", 3, 1), ("app/callbacks", 141, 22), ("main", 1, 1)),
    ),
)
'''


def test_a_file_looks_as_a_person_would_have_written_it():
    """Only what is not at its default, each thing imported from where people look for it, in the formatter's layout."""
    scenario = Scenario(
        name="seen",
        origin="elsewhere",
        steps=(
            Turn(),
            Parallel(steps=(Turn(message='Say "{canary}".'), Turn(session="b", message="It's {canary}"))),
            Request(path="/health", headers={"accept": "*/*"}, body=[1.5, None, {"a": (True, -2)}]),
        ),
        faults=(ProviderNoReply(for_s=11.0, window=Window(from_step=1, first_n=2)),),
        invariants=(INVARIANTS.get("liveness.recovers"),),
        stages=("simulated",),
        seed=7,
        schedule=Schedule(code="c0de", holds=(("main/thread1/task12", 3, 1), ("app/callbacks", 141, 22), ("main", 1, 1))),
    )  # fmt: skip
    told = ["A turn is lost.", "", "Found by a search, and made as small as it is."]
    assert source(scenario, told=told) == WRITTEN


def test_what_is_equal_to_its_default_is_left_out():
    """It need not be the very object: whoever reads the file sees what is special about it, and nothing else."""
    faults = (ProviderNoReply(window=Window(p=float("1")), for_s=float("30")),)
    assert "faults=(ProviderNoReply(),)" in source(Scenario(steps=(Turn(),), faults=faults), told=[])


def test_a_long_import_is_broken():
    """One name a line where the names do not fit on one, as the formatter has it."""
    kinds: list[Any] = [
        kind for name, kind in FAULTS.items() if name.startswith("provider.") and kind.stages == ALL_STAGES
    ]
    text = source(Scenario(steps=(Turn(),), faults=tuple(kind() for kind in kinds)), told=[])
    names = sorted(kind.__name__ for kind in kinds)
    assert "\n".join(["from harness.faults import (", *(f"    {name}," for name in names), ")", ""]) in text
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_what_has_no_parts_stays_on_its_line():
    """There is nothing to break in it, however little room there is."""
    assert laid_out("name=", Group("Turn(", (), ")"), width=5) == "name=Turn()"


def test_with_nothing_to_tell_there_is_a_docstring_all_the_same():
    """The summary of the scenario, or a sentence: a scenario file has a docstring."""
    told = ast.get_docstring(ast.parse(source(Scenario(steps=(Turn(),), summary="What it is."), told=())))
    assert told == "What it is."
    assert ast.get_docstring(ast.parse(source(Scenario(steps=(Turn(),)), told=("", " "))))


def test_numbers_that_have_no_literal_are_made(place):
    """Infinities and what is not a number come back as such; the default's own NaN is not written at all."""
    faults = tuple(ProviderBadScore(value=value) for value in (math.inf, -math.inf, float("nan"), math.nan))
    anew(Scenario(steps=(Turn(),), faults=faults), place, [])
    loaded: Any = load(place).faults
    assert [str(fault.value) for fault in loaded] == ["inf", "-inf", "nan", "nan"]
    assert place.read_text().count('float("nan")') == 1


class Word(str):
    """A text that says of itself that it is something else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "__import__('os')"

    def split(self, *arguments: Any) -> list[str]:
        return [repr(self)]


class Size(enum.IntEnum):
    BIG = 200_000


def test_a_value_of_a_subclass_is_written_as_the_plain_one(place):
    """How a thing shows itself is its own business, and none of the file's."""
    status: Any = HTTPStatus.BAD_GATEWAY
    scenario = Scenario(
        steps=(Turn(message=Word("hello")), Request(path="/", body={"size": Size.BIG})),
        faults=(ProviderServerError(status=status, body=Word("html")),),
    )
    anew(scenario, place, [])
    assert same(load(place)) == scenario
    assert "import__" not in place.read_text()


def test_what_is_nested_deeper_than_a_file_may_be_is_refused():
    """Python reads 200 brackets in one another: what it could not read back is not written."""
    body: Any = []
    for _ in range(200):
        body = [body]
    with pytest.raises(UsageError, match="nested too deep for a file"):
        source(Scenario(steps=(Request(path="/", body=body),)), told=[])


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    """Where the place cannot be written it is named, what stood there stays, and nothing is left beside it."""
    scenario = Scenario(steps=(Turn(),))
    folder = tmp_path / "folder.py"
    folder.mkdir()
    for place, said in (
        (folder, "choose a place that can be written"),
        (tmp_path / "folder.py" / "\0.py", "null"),
        (tmp_path / ("x" * 300 + ".py"), "File name too long"),
        (tmp_path / "found.txt", "ends in .py"),
        (Path(), "ends in .py"),
    ):
        with pytest.raises(UsageError, match=said) as refused:
            write(scenario, place, [])
        assert str(place) in str(refused.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.py"]
    file = tmp_path / "deep" / "folder" / "found.py"
    write(scenario, file, [])
    with pytest.raises(UsageError, match="File exists"):
        write(scenario, file / "found.py", [])
    with pytest.raises(UsageError, match="File exists"):
        write(Scenario(steps=(Turn(), Turn())), file, [])
    assert [path.name for path in file.parent.iterdir()] == ["found.py"]
    assert same(load(file)) == scenario


def test_the_file_is_utf_8_whatever_is_told(place):
    """A line that looks like a declaration of an encoding is none inside a docstring."""
    anew(Scenario(steps=(Turn(message="\u00e0"),)), place, ["", "# coding: latin-1", "# coding: latin-1"])
    with place.open("rb") as file:
        assert tokenize.detect_encoding(file.readline)[0] == "utf-8"

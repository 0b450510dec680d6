"""No output takes the place of what the command reads, nor of another output: that is told before anything is done."""

import os
from pathlib import Path
from typing import Any

import pytest

LOG = "app INFO api_request_complete status_code=200 success=true\n"
PROFILE = 'app = "none:app"\n'
SCENARIO = "SCENARIO = None\n"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with a log, which has more names than one, and whatever else is read."""
    monkeypatch.chdir(tmp_path)
    Path("inc.log").write_text(LOG)
    Path("linked.log").symlink_to("inc.log")
    os.link("inc.log", "hard.log")
    Path("old.log").write_text(LOG)
    Path("own.toml").write_text(PROFILE)
    Path("shop.py").write_text(SCENARIO)
    Path("sub").mkdir()


def contents() -> dict[str, str]:
    """Every file that there is, and what stands in it."""
    return {str(path): path.read_text() for path in Path().rglob("*") if path.is_file()}


def refused(shakeout: Any, *words: str) -> str:
    """What is said of a command that is refused; nothing has been written, and no folder made.

    Its target is one that does not even load, so that a command which is not refused ends at once, too.
    """
    before, folders = contents(), sorted(path for path in Path().rglob("*") if path.is_dir())
    aimed = () if Path("pyproject.toml").exists() or "--target" in words else ("--target", "own.toml")
    code, said, complained = shakeout(*words, *aimed)
    assert (code, said, complained.count("\n")) == (2, "", 1), complained
    assert contents() == before
    assert sorted(path for path in Path().rglob("*") if path.is_dir()) == folders
    return str(complained)


@pytest.mark.parametrize("name", ["inc.log", "sub/../inc.log", "linked.log", "hard.log"])
@pytest.mark.parametrize(
    ("command", "option"),
    [("reproduce", "--json"), ("reproduce", "--html"), ("judge", "--json"), ("judge", "--junit")],
)
def test_the_log_that_is_read_is_not_written(shakeout: Any, command: str, option: str, name: str) -> None:
    """Whichever output it is given as, and by whatever name: the log of an incident is there only once."""
    said = refused(shakeout, command, "inc.log", option, name)
    assert said == f"shakeout: {option} {name}: is what is read; choose another name\n"


@pytest.mark.parametrize(
    "words",
    [
        ("judge", "inc.log", "--baseline", "old.log", "--json", "old.log"),
        ("judge", "inc.log", "--target", "own.toml", "--json", "own.toml"),
        ("reproduce", "inc.log", "--target", "own.toml", "--html", "own.toml"),
        ("sweep", "--target", "own.toml", "--junit", "own.toml"),
        ("run", "shop.py", "--html", "shop.py"),
        ("matrix", "shop.py", "--json", "shop.py"),
        ("explore", "shop.py", "--json", "shop.py"),
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_whatever_else_is_read_is_not_written(shakeout: Any, words: tuple[str, ...]) -> None:
    """So are the log of the time before, the profile of the target, and a scenario file, in each command."""
    said = refused(shakeout, *words)
    assert said == f"shakeout: {words[-2]} {words[-1]}: is what is read; choose another name\n"


@pytest.mark.parametrize("name", ["pyproject.toml", "own.toml"])
def test_the_defaults_and_the_target_that_they_name_are_read_too(shakeout: Any, name: str) -> None:
    """A pyproject.toml is no place for a result, and neither is the profile that it names."""
    Path("pyproject.toml").write_text('[tool.shakeout]\ntarget = "own.toml"\n')
    said = refused(shakeout, "judge", "inc.log", "--json", name)
    assert said == f"shakeout: --json {name}: is what is read; choose another name\n"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("reproduce", "inc.log", "--json", "a.py", "-o", "a.py"), "--json"),
        (("reproduce", "inc.log", "--json", "new/same", "--html", "sub/../new/same"), "--json"),
        (("explore", "--json", "a.py", "--output", "a.py"), "--json"),
        (("judge", "inc.log", "--json", "same", "--junit", "same"), "--json"),
        (("run", "--junit", "same", "--html", "same"), "--junit"),
        (("sweep", "--json", "same", "--history", "same"), "--json"),
        (("matrix", "--json", "same", "--html", "same"), "--json"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_two_outputs_of_one_name_are_refused(shakeout: Any, words: tuple[str, ...], first: str) -> None:
    """Of two that are to be written in one place only the second would be left, so neither is."""
    option = words[-2].replace("-o", "--output") if words[-2] == "-o" else words[-2]
    said = refused(shakeout, *words)
    assert said == f"shakeout: {option} {words[-1]}: is where {first} goes, too; choose another name\n"


def test_two_names_of_one_file_are_one_output(shakeout: Any) -> None:
    """A hard link and a symlink lead to the same file, and so are the same place."""
    Path("one.json").write_text("{}")
    Path("two.json").symlink_to("one.json")
    said = refused(shakeout, "run", "--json", "one.json", "--html", "two.json")
    assert said == "shakeout: --html two.json: is where --json goes, too; choose another name\n"


def test_a_result_may_have_the_name_of_a_scenario_of_the_library(shakeout: Any) -> None:
    """A name that is no path names no file here: only what is read as a file is kept from being written."""
    Path("no_such_scenario").write_text("mine")
    code, _, complained = shakeout("run", "no_such_scenario", "--json", "no_such_scenario")
    assert (code, "no scenario is called no_such_scenario" in complained) == (2, True)


def test_a_name_that_no_file_can_have_is_told_in_one_line(shakeout: Any) -> None:
    """What is compared need not be there, nor be a name that could be."""
    Path("told.json").write_text("old")
    code, _, complained = shakeout("judge", "x" * 300, "--json", "told.json")
    assert (code, complained.count("\n"), "File name too long" in complained) == (2, 1, True)


def test_a_result_beside_the_log_is_written(shakeout: Any) -> None:
    """Other names are as good as before, also of a file that is there: a result takes the place of an older one."""
    Path("told.json").write_text("old")
    shakeout("judge", "inc.log", "--baseline", "old.log", "--json", "told.json", "--junit", "told.xml")
    assert Path("told.json").read_text().startswith("{")
    assert Path("told.xml").read_text().startswith("<")
    assert Path("inc.log").read_text() == LOG

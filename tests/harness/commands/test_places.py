"""A target that cannot be driven is told in one line, with where it stands in the profile and what helps."""

from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "services" / "shop" / "profile.toml"
PROFILE = """provider_variable = ""
app = "bad:app"
health = "/health"
{more}
[turn]
path = "/turn"
body = {{ message = "{{message}}" }}
"""
SERVING = """import os
from fastapi import FastAPI
app = FastAPI()

@app.get("/health")
def health():
    return {}

@app.post("/turn")
async def turn():
    os._exit(7)
"""


@pytest.fixture
def bad(tmp_path):
    """Writes a service with its profile; gives the path of that."""

    def write(app: str, more: str = "") -> str:
        (tmp_path / "bad.py").write_text(app)
        (tmp_path / "profile.toml").write_text(PROFILE.format(more=more))
        return str(tmp_path / "profile.toml")

    return write


@pytest.mark.parametrize("command", [["sweep"], ["profile", "check", "--stage", "simulated"]])
def test_a_service_that_no_simulation_can_hold_is_to_be_played_live(shakeout, command):
    """A plain command on it names what reached outside and the option that helps, exit 2: nothing was played."""
    code, out, err = shakeout(*command, "--target", str(SHOP))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"shakeout: {SHOP}:1: socket.bind ")
    assert err.endswith(": give --stage live\n")


@pytest.mark.parametrize("command", [["sweep", "client"], ["run", "two_sessions"], ["profile", "check"]])
@pytest.mark.parametrize(
    ("stage", "app", "said"),
    [
        ("live", "import no_such_module", "No module named 'no_such_module'; mend bad:app"),
        ("live", "raise SystemExit(0)", "SystemExit: 0; mend bad:app"),
        ("live", "app = None", "mend bad:app"),
        ("simulated", "app = None", "or play it live: give --stage live"),
    ],
)
def test_a_service_that_does_not_start_is_told_by_its_line(shakeout, bad, *, command, stage, app, said):
    """Whichever the command and the stage: the line of the profile that says what is started, why not, exit 2."""
    profile = bad(app)
    code, out, err = shakeout(*command, "--stage", stage, "--target", profile)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"shakeout: {profile}:2: ")
    assert said in err


@pytest.mark.parametrize("command", [["sweep", "client", "--jobs", "1"], ["profile", "check"]])
def test_a_service_that_dies_without_a_fault_is_told_by_its_line(shakeout, bad, command):
    """It ended at its first turn: nothing can be said of it, exit 3, and the line of the profile says of whom."""
    profile = bad(SERVING)
    code, out, err = shakeout(*command, "--stage", "live", "--target", profile)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(f"shakeout: {profile}:2: ")
    assert err.endswith("; mend bad:app\n")


@pytest.mark.parametrize("command", [["sweep", "client"], ["run", "two_sessions"], ["profile", "check"]])
@pytest.mark.parametrize("log", ["none.log", "folder"])
def test_a_log_that_cannot_be_read_is_told_by_its_line(shakeout, bad, tmp_path, command, log):
    """A file that is not there and a folder in its place are one line with that of `log`, exit 2."""
    (tmp_path / "folder").mkdir()
    profile = bad(SERVING.replace("os._exit(7)", "return {}"), f'log = "{log}"')
    code, out, err = shakeout(*command, "--stage", "live", "--target", profile)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"shakeout: {profile}:4: log = '{log}': ")


@pytest.mark.parametrize("command", [["sweep", "client"], ["profile", "check"]])
def test_a_list_of_mistakes_that_does_not_import_is_told_by_its_line(shakeout, bad, command):
    """Whatever a module of the user's raises when it is imported is one line with that of `defects`, exit 2."""
    profile = bad("raise KeyError('LLM_URL')", 'defects = "bad:DEFECTS"')
    code, out, err = shakeout(*command, "--stage", "live", "--target", profile)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"shakeout: {profile}:4: defects = 'bad:DEFECTS': KeyError: 'LLM_URL'; mend")


@pytest.mark.parametrize("stage", ["simulated", "live"])
@pytest.mark.parametrize("entry", ["bad:none", "bad:__name__", "leaving:none", "raising:none"])
def test_a_synchronous_entry_that_is_not_there_is_told_by_its_line(shakeout, bad, tmp_path, stage, entry):
    """It is imported where the fault calls it, in a child or here: one line with that of `sync_entry`, exit 2."""
    profile = bad(SERVING.replace("os._exit(7)", "return {}"), f'sync_entry = "{entry}"')
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)")
    (tmp_path / "raising.py").write_text("raise RuntimeError('LLM_URL\\nmore')")
    code, out, err = shakeout("sweep", "loop.sync_entry", "--stage", stage, "--target", profile)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"shakeout: {profile}:4: ")
    assert err.endswith("; mend sync_entry of the profile\n")

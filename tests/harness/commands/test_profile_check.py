"""`shakeout profile check`: what a profile names is looked for, and what a sweep would play is counted."""

import json
from pathlib import Path

import pytest

APP = '''"""Answers, has a worker of its own, and says whether it can take work."""
import os, threading
from fastapi import FastAPI
from fastapi.responses import JSONResponse

app = FastAPI()
threading.Thread(target=threading.Event().wait, name="clerk", daemon=True).start()

@app.post("/turn")
async def turn():
    return {"reply": "well"}

@app.get("/up")
def up():
    return JSONResponse({}, int(os.environ.get("UP", "200")))

@app.get("/kept/{which}")
def kept(which):
    return []
'''
PROFILE = """app = "clerk:app"
provider_variable = ""
ready = "{ready}"
worker = "{worker}"
metrics = "{metrics}"
[environment]
UP = "{up}"
[turn]
path = "/turn"
body = {{ message = "{{message}}", talk = "{{session}}" }}
session = ""
reply = "/reply"
state = "{state}"
stream = "{stream}"
{more}
"""
RIGHT = {
    "stream": "never",
    "more": "",
    "ready": "/up",
    "worker": "clerk",
    "metrics": "/kept/all",
    "up": "200",
    "state": "/kept/{session}",
}


@pytest.fixture
def checked(shakeout, tmp_path):
    """Checks a profile with some values; gives the exit code, what was said, and the document."""

    def check(*more: str, **values: str):
        (tmp_path / "clerk.py").write_text(APP)
        profile, place = tmp_path / "profile.toml", tmp_path / "out.json"
        profile.write_text(PROFILE.format(**{**RIGHT, **values}))
        code, said, _ = shakeout("profile", "check", "--target", str(profile), "--json", str(place), *more)
        return code, said, json.loads(place.read_text())

    return check


@pytest.mark.parametrize(("stage", "up"), [("live", "200"), ("live", "503"), ("simulated", "200")])
def test_what_is_named_is_found(checked, stage, up):
    """The worker is there by its name, and readiness may be said either way."""
    code, _, document = checked("--stage", stage, up=up)
    assert code == 0
    assert f"profile check --stage {stage} --target " in document["replay"]
    assert {"ready", "worker", "state", "metrics"} <= {
        part["part"] for part in document["parts"] if part["found"]
    }


@pytest.mark.parametrize(
    ("values", "part", "line"),
    [
        ({"stream": "always"}, "stream", 14),
        ({"more": "[contract]\nrequest_ids = true"}, "request_ids", 16),
        ({"more": "[contract]\ncompletion_event = 'done'"}, "completion_event", 16),
        ({"ready": "/nowhere"}, "ready", 3),
        ({"up": "500"}, "ready", 3),
        ({"worker": "nobody"}, "worker", 4),
        ({"metrics": "/nowhere"}, "metrics", 5),
        ({"state": "/nowhere/{session}"}, "state", 13),
    ],
)
def test_what_is_not_there_is_to_be_mended(checked, values, part, line):
    """What the profile names and nobody finds is wrong, exit 3, with the line that says it; all else is found."""
    code, _, document = checked(**values)
    assert code == 3
    (wrong,) = (one for one in document["parts"] if one["wrong"])
    assert wrong["part"] == part
    assert f"profile.toml:{line})" in wrong["said"]


STORED = """import os, sqlite3
from fastapi import FastAPI
app = FastAPI()

@app.post("/turn")
async def turn():
    sqlite3.connect(os.environ.get("CLERK_DB", ":memory:")).execute("create table if not exists kept(text)")
    return {}
"""
STORED_PROFILE = """app = "stored_clerk:app"
provider_variable = ""
store = "sqlite"
store_variable = "{variable}"
store_template = "{{directory}}/clerk.db"
[turn]
path = "/turn"
body = {{ message = "{{message}}" }}
"""


@pytest.mark.parametrize("stage", ["simulated", "live"])
@pytest.mark.parametrize(("variable", "code"), [("CLERK_DB", 0), ("CLERK_BD", 3)])
def test_a_store_is_looked_for_in_the_runs_folder(shakeout, tmp_path, stage, variable, code):
    """A service that opened nothing there does not read the variable, which is to be mended; else it is found."""
    (tmp_path / "stored_clerk.py").write_text(STORED)
    profile, place = tmp_path / "profile.toml", tmp_path / "out.json"
    profile.write_text(STORED_PROFILE.format(variable=variable))
    words = ("--stage", stage, "--target", str(profile), "--json", str(place), "--quiet")
    assert shakeout("profile", "check", *words)[0] == code
    (row,) = (part for part in json.loads(place.read_text())["parts"] if part["part"] == "store")
    assert (row["found"], row["wrong"]) == (code == 0, code == 3)
    assert (f"mend store_variable ({profile}:4)" in row["said"]) == bool(code)


def test_what_a_sweep_would_play_is_counted(checked):
    """In each stage so many faults are played, the others not, by their reasons; what is said is what is written."""
    _, said, document = checked()
    assert list(document["sweeps"]) == ["simulated", "live"]
    for stage, sweep in document["sweeps"].items():
        unfit = sum(sweep["not_applicable"].values())
        assert sweep["faults"] > 0
        assert f"sweep --stage {stage}: {sweep['faults']} faults to be played, {unfit} not applicable" in said
        assert any(reason.startswith("needs provider: ") for reason in sweep["not_applicable"])
    assert "is played live" in document["sweeps"]["simulated"]["not_applicable"]
    assert "is played simulated" in document["sweeps"]["live"]["not_applicable"]
    totals = [one["faults"] + sum(one["not_applicable"].values()) for one in document["sweeps"].values()]
    assert totals[0] == totals[1]


def test_a_command_has_nothing_to_be_simulated(shakeout, tmp_path):
    """Of a command no fault is counted for the simulated stage, whose reason is that it holds an app."""
    teller = Path(__file__).parents[2] / "services" / "teller" / "profile.toml"
    place = tmp_path / "out.json"
    shakeout("profile", "check", "--target", str(teller), "--json", str(place), "--quiet")
    sweep = json.loads(place.read_text())["sweeps"]["simulated"]
    assert sweep["faults"] == 0
    assert list(sweep["not_applicable"]) == ["needs app: a simulation holds the app itself"]

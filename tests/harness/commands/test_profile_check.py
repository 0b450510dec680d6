"""`shakeout profile check`: what a profile names is looked for, and what a sweep would play is counted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.checkup import points
from harness.targets import profile as profiles

APP = '''"""Answers, has a worker of its own, and says whether it can take work."""
import os, threading
from fastapi import FastAPI
from fastapi.responses import JSONResponse

app = FastAPI()
threading.Thread(target=threading.Event().wait, name="clerk", daemon=True).start()
ANSWERS = {"reply": "well"}

def ask(message):
    return ANSWERS

@app.post("/turn")
async def turn():
    return ANSWERS

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
sync_entry = "{entry}"
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
    "entry": "clerk:ask",
    "state": "/kept/{session}",
}


@pytest.fixture
def checked(shakeout, tmp_path):
    """Checks a profile with some values; gives the exit code, what was said, and the document."""

    def check(*more: str, **values: str):
        (tmp_path / "clerk.py").write_text(APP)
        (tmp_path / "leaving_clerk.py").write_text("raise SystemExit(3)")
        profile, place = tmp_path / "profile.toml", tmp_path / "out.json"
        profile.write_text(PROFILE.format(**{**RIGHT, **values}))
        code, said, _ = shakeout("profile", "check", "--target", str(profile), "--json", str(place), *more)
        return code, said, json.loads(place.read_text())

    return check


@pytest.mark.parametrize(("stage", "up"), [("live", "200"), ("live", "503"), ("simulated", "200")])
def test_what_is_named_is_found(checked, stage, up):
    """The worker is there by its name, and readiness may be said either way; then a sweep's plan is told."""
    code, said, document = checked("--stage", stage, up=up)
    assert code == 0
    assert "faults to be played" in said
    assert f"profile check --stage {stage} --target " in document["replay"]
    assert {"ready", "worker", "sync_entry", "state", "metrics"} <= {
        part["part"] for part in document["parts"] if part["found"]
    }


@pytest.mark.parametrize(
    ("values", "part", "line"),
    [
        ({"stream": "always"}, "stream", 15),
        ({"more": "[contract]\nrequest_ids = true"}, "request_ids", 17),
        ({"more": "[contract]\ncompletion_event = 'done'"}, "completion_event", 17),
        ({"ready": "/nowhere"}, "ready", 3),
        ({"up": "500"}, "ready", 3),
        ({"worker": "nobody"}, "worker", 4),
        ({"metrics": "/nowhere"}, "metrics", 5),
        ({"state": "/nowhere/{session}"}, "state", 14),
        ({"entry": "clerk:tell"}, "sync_entry", 6),
        ({"entry": "nowhere:ask"}, "sync_entry", 6),
        ({"entry": "clerk:ANSWERS"}, "sync_entry", 6),
        ({"entry": "clerk:app"}, "sync_entry", 6),
        ({"entry": "leaving_clerk:ask"}, "sync_entry", 6),
    ],
)
def test_what_is_not_there_is_to_be_mended(checked, values, part, line):
    """What the profile names and nobody finds is wrong, exit 3, with the line that says it; all else is found.

    What a sweep would play by such a profile is not told, so that what is to be mended is seen.
    """
    code, said, document = checked(**values)
    assert code == 3
    assert "faults to be played" not in said
    (wrong,) = (one for one in document["parts"] if one["wrong"])
    assert wrong["part"] == part
    assert f"profile.toml:{line})" in wrong["said"]


HALF = """import os
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
app = FastAPI()

@app.post("/turn")
async def turn(request: Request):
    return JSONResponse({}, 503 if "event-stream" in request.headers["accept"] else 200)
"""
HALF_PROFILE = """app = "half_clerk:app"
provider_variable = ""
{log}
[turn]
path = "/turn"
body = {{ message = "{{message}}" }}
stream = "asked"
"""


def test_a_turn_that_is_refused_is_told_as_that(shakeout, tmp_path):
    """The last one, which asks for a stream and gets a 503: it is the turn that is wrong, and not `stream`."""
    (tmp_path / "half_clerk.py").write_text(HALF)
    profile, place = tmp_path / "profile.toml", tmp_path / "out.json"
    profile.write_text(HALF_PROFILE.format(log=""))
    assert shakeout("profile", "check", "--target", str(profile), "--json", str(place))[0] == 3
    parts = {part["part"]: part for part in json.loads(place.read_text())["parts"]}
    assert (parts["turn"]["wrong"], "503" in parts["turn"]["said"]) == (True, True)
    assert (parts["stream"]["found"], parts["stream"]["wrong"]) == (False, False)


def test_a_file_that_nobody_writes_to_is_no_log(shakeout, tmp_path):
    """It is there, and what the service prints goes elsewhere: the lines of the output are not counted as its own."""
    (tmp_path / "half_clerk.py").write_text(f"print('up', flush=True)\n{HALF}")
    (tmp_path / "empty.log").write_text("")
    profile, place = tmp_path / "profile.toml", tmp_path / "out.json"
    profile.write_text(HALF_PROFILE.format(log='log = "empty.log"'))
    shakeout("profile", "check", "--target", str(profile), "--json", str(place), "--stage", "live")
    (log,) = (part for part in json.loads(place.read_text())["parts"] if part["part"] == "log")
    assert (log["found"], f"where does it write? log = ... ({profile}:3)" in log["said"]) == (False, True)


def test_what_was_never_answered_is_not_blamed_on_what_an_answer_holds(made):
    """A first turn that a gateway refused has no session, no reply, and is in no history; the turn itself is wrong."""
    profile = profiles.load()
    first, second, third = (
        replace(made.turn(), role="turn", path=profile.turn.path, status=status) for status in (503, 200, 200)
    )
    history = made.history(first, second, third, made.call(third), contract=profile.contract)
    wrong = {one.what for one in points(history, profile) if one.wrong}
    assert ("turn" in wrong, wrong & {"history", "stream"}) == (True, {"stream"})
    torn = replace(second, error="ReadError", body=None)
    for turn in (first, torn):
        none = made.history(turn, made.call(turn), contract=profile.contract)
        told = {one.what: one.said for one in points(none, profile) if one.wrong}
        assert told.keys() & {"turn", "session", "reply", "history", "stream", "request_ids"} == {"turn"}
        assert ("it broke off (ReadError), which is the service's to mend" in told["turn"]) is (turn is torn)


@pytest.mark.parametrize(("status", "blamed"), [(404, False), (405, False), (422, False), (502, True)])
def test_a_provider_that_was_never_asked_is_blamed_on_its_variable_alone(made, status, blamed):
    """Where the turn was refused before anybody would have asked it, the turn is wrong and its variable may be right."""
    profile = profiles.load()
    turn = replace(made.turn(), role="turn", path=profile.turn.path, status=status)
    history = made.history(turn, witnesses=("wire", "provider"), contract=profile.contract)
    assert ("provider" in {one.what for one in points(history, profile) if one.wrong}) is blamed


def test_a_session_that_was_not_found_is_not_blamed_on_the_body(made):
    """Nobody could send what no answer gave: the pointer is wrong, and what the provider was told shows nothing."""
    profile = profiles.load()
    first, second = (
        replace(made.turn(), role="turn", path=profile.turn.path, session_id=None, canary="untold")
        for _ in range(2)
    )
    history = made.history(first, made.call(first), second, made.call(second), contract=profile.contract)
    wrong = {one.what for one in points(history, profile) if one.wrong}
    assert wrong & {"session", "history"} == {"session"}


def test_a_log_that_nobody_reads_has_no_record_to_be_missed(made):
    """Of a service that is only a URL the promised record is not looked for: its name may be right."""
    profile = profiles.load()
    assert profile.contract.completion_event
    for witnesses, wrong in ((("wire",), False), (("wire", "logs"), True)):
        turn = replace(made.turn(), role="turn", path=profile.turn.path)
        history = made.history(turn, witnesses=witnesses, contract=profile.contract)
        (point,) = (one for one in points(history, profile) if one.what == "completion_event")
        assert (point.found, point.wrong) == (False, wrong)


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


@pytest.mark.parametrize("promised", [False, True])
def test_whether_sessions_outlive_their_process_is_told(checked, promised):
    """What is not asked for after a restart is told with what would ask for it."""
    _, _, document = checked(more=f"[contract]\nsessions_outlive = {str(promised).lower()}")
    (said,) = (one["said"] for one in document["parts"] if one["part"] == "sessions_outlive")
    assert ("sessions_outlive = true in [contract]" in said) is not promised


def test_what_a_sweep_would_play_is_counted(checked):
    """In each stage so many faults are played, the others not, by their reasons; what is said is what is written."""
    _, said, document = checked()
    assert list(document["sweeps"]) == ["simulated", "live"]
    for stage, sweep in document["sweeps"].items():
        unfit = sum(sweep["not_applicable"].values())
        assert sweep["faults"] > 0
        assert f"sweep --stage {stage}: {sweep['faults']} faults to be played, {unfit} not applicable" in said
        assert any(reason.startswith("needs provider: ") for reason in sweep["not_applicable"])
    why = document["sweeps"]["simulated"]["not_applicable"]
    assert "is played live: a simulated run has no process of its own" in why
    live = document["sweeps"]["live"]["not_applicable"]
    assert "is played simulated: only the seed of a simulated run decides that order" in live
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

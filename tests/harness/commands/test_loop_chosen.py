"""`--loop`: on which event loop a live app is served."""

import json
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
APP = '''"""Says on which kind of loop it is served."""
import asyncio
from fastapi import FastAPI

app = FastAPI()

@app.post("/turn")
async def turn() -> dict[str, str]:
    return {"loop": type(asyncio.get_running_loop()).__module__}
'''
PROFILE = """app = "looped:app"
provider_variable = ""
[turn]
path = "/turn"
body = { message = "{message}" }
reply = "/loop"
"""
SCENARIO = '''"""One turn."""
from harness.scenario import Scenario, Turn
SCENARIO = Scenario(steps=(Turn(),))
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service with its profile, and a scenario of one turn."""
    (tmp_path / "looped.py").write_text(APP)
    (tmp_path / "profile.toml").write_text(PROFILE)
    (tmp_path / "one_turn.py").write_text(SCENARIO)
    return tmp_path


@pytest.mark.parametrize(("loop", "module"), [("asyncio", "asyncio.unix_events"), ("uvloop", "uvloop")])
def test_the_app_is_served_on_the_loop_that_is_asked_for(shakeout, folder, loop, module):
    """What serves the turn is of that kind, and the replay asks for it again."""
    place, kept = folder / "out.json", folder / "kept"
    shakeout(
        *("run", str(folder / "one_turn.py"), "--stage", "live", "--loop", loop, "--quiet"),
        *("--target", str(folder / "profile.toml"), "--json", str(place), "--history", str(kept)),
    )
    (history,) = kept.iterdir()
    records = map(json.loads, history.read_text().splitlines())
    bodies = [record["body"] for record in records if record.get("role") == "turn"]
    assert bodies == [{"loop": module}] * len(bodies) != []
    assert json.loads(place.read_text())["replay"].endswith(f"--loop {loop}")


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--loop", "uvloop"], "--loop uvloop is for live runs: leave it out, or give --stage live"),
        (["--loop", "trio", "--stage", "live"], "no loop is called trio; there are: asyncio, uvloop"),
        (
            [*("--loop", "uvloop", "--stage", "live", "--target"), str(SERVICES / "teller" / "profile.toml")],
            "profile.toml:1: the harness does not serve {python} -m uvicorn teller:app --port {port}",
        ),
        (
            ["--loop", "uvloop", "--stage", "live", "--target", "http://127.0.0.1:9"],
            "http://127.0.0.1:9: the harness does not serve http://127.0.0.1:9, and cannot choose its loop",
        ),
    ],
)
def test_a_loop_that_nobody_could_choose_is_a_usage_error(shakeout, command, arguments, said):
    """It is one line with the remedy and exit code 2: there is no such loop, or nothing live that is served on it."""
    code, out, err = shakeout(command, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err

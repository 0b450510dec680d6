"""An app that opens files at its import has a folder for them, and every simulated run has its own."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.history import History
from harness.runner import Options, job, run
from harness.scenario import Request, Scenario, Turn
from harness.targets import profile as profiles
from harness.targets.hosted import HIDDEN, Host
from harness.verdict import Verdict

APP = '''"""Opens its log, or makes its table, as soon as it is imported."""
import logging, os, sqlite3
from fastapi import FastAPI

PLACE = os.environ["DESK_DIRECTORY"]
log = logging.getLogger("desk")
log.setLevel(logging.INFO)
if os.environ["DESK_OPENS"] == "log":
    log.addHandler(logging.FileHandler(f"{PLACE}/desk.log"))
else:
    log.addHandler(logging.StreamHandler())
with sqlite3.connect(os.environ["DESK_DB"]) as opened:
    opened.execute("create table if not exists told(text)")
opened.close()
app = FastAPI()

@app.post("/turn")
async def turn():
    with sqlite3.connect(os.environ["DESK_DB"]) as opened:
        opened.execute("insert into told values('x')")
        (count,) = opened.execute("select count(*) from told").fetchone()
    opened.close()
    log.info("told %d in %s", count, PLACE)
    return {"count": count}

@app.get("/up")
async def up():
    return {}
'''
PROFILE = """app = "opens_desk:app"
provider_variable = ""
ready = "{ready}"
store = "sqlite"
store_variable = "{variable}"
store_template = "{{directory}}/desk.db"
log = "{log}"
[environment]
DESK_DIRECTORY = "{{directory}}"
DESK_OPENS = "{opens}"
DESK_DB = "{database}"
[turn]
path = "/turn"
body = {{ text = "{{message}}" }}
"""
RIGHT = {"ready": "/up", "variable": "DESK_DB", "log": "", "opens": "table", "database": ""}
HELD = Scenario(name="opens", steps=(Turn(), Turn()))


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """How the desk is played, by a profile with some values."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "opens_desk.py").write_text(APP)

    def made(**values: str) -> Options:
        (tmp_path / "profile.toml").write_text(PROFILE.format(**{**RIGHT, **values}))
        return Options(profile=profiles.load(str(tmp_path / "profile.toml")))

    yield made
    sys.modules.pop("opens_desk", None)


async def twice(options: Options) -> list[History]:
    """Two runs of one host."""
    async with Host.of(options.profile) as host:
        return [(await host.play(job(HELD, "faulted", options))).history for _ in range(2)]


@pytest.mark.parametrize(("opens", "log"), [("log", "{directory}/desk.log"), ("table", "")])
async def test_what_is_opened_at_the_import_is_each_runs_own(options, opens: str, log: str) -> None:
    """The folder is there for the import, and both runs find an empty table, and write to a log that is read."""
    one, other = await twice(options(opens=opens, log=log))
    assert one == other
    assert [turn.body["count"] for turn in one.turns] == list(range(1, len(one.turns) + 1))
    told = [record.text for record in one.logs if "told" in record.text]
    assert [HIDDEN in line for line in told] == [True] * len(one.turns)
    assert one.header.doubts == ()


async def test_a_wrong_variable_of_the_store_is_a_doubt(options, tmp_path: Path) -> None:
    """A service that was told of no store in the run's folder, and opened a real one, is not judged."""
    elsewhere = tmp_path / "real.db"
    chosen = options(variable="DESK_BD", database=str(elsewhere))
    for history in await twice(chosen):
        (doubt,) = history.header.doubts
        assert (
            doubt == f"{tmp_path}/profile.toml:5: nothing was opened in the run's folder; mend store_variable"
        )
    assert elsewhere.exists()


async def test_a_path_of_readiness_that_is_not_there_accuses_nobody(options, tmp_path: Path) -> None:
    """A service that answers 404 at `ready` is not judged: the line of the profile is told, and the run is invalid."""
    asked = replace(HELD, steps=(Turn(), Request(path="/nowhere")))
    result = await run(asked, options(ready="/nowhere"))
    assert result.verdict is Verdict.INVALID
    assert result.reasons[0].startswith(f"{tmp_path}/profile.toml:3: GET /nowhere -> 404")

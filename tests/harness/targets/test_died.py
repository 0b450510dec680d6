"""A service that ends by itself in the midst of a run: that is found, and is not the harness's own failure."""

import os
import signal
import sys
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from harness.faults import ProcessKill, ProcessRestart, ProcessTerminate
from harness.history import History, Outage
from harness.judge import judge
from harness.registry import INVARIANTS
from harness.rig import Window
from harness.scenario import Restart, Turn, Wait
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.play import STAGES
from harness.targets.process import ProcessTarget
from harness.verdict import Verdict

HERE = Path(__file__).parent
SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        if b"die" in self.rfile.read(int(self.headers["content-length"])):
            os.kill(os.getpid(), signal.SIGSEGV)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PROFILE = f"""
command = '''{sys.executable} server.py {{port}}'''
provider_variable = ""
[turn]
path = "/turn"
body = {{ text = "{{message}}" }}
"""
STEPS = (Turn(message="one"), Turn(message="die"), Turn(message="two"))


async def once(job: Job) -> History:
    """Play one job live."""
    async with STAGES["live"](job.profile) as play:
        return await play(job)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The small app, built so that a word ends it."""
    monkeypatch.syspath_prepend(str(HERE))
    profile = profiles.load(str(HERE / "profile.toml"))
    return Job(name="x", arm="control", steps=STEPS, faults=(), profile=profile, seed=1, defects=("mortal",))


def died(history: History) -> list[int | None]:
    """What the process ended with each time that it ended by itself."""
    return [one.exit_code for one in history.of(Outage) if one.how == "died"]


async def test_an_app_that_ends_its_process_is_found(job: Job) -> None:
    """The run fails for just this, with the exit code, and what was exchanged before is kept."""
    history = await once(job)
    judgement = judge(history, INVARIANTS.values())
    assert died(history) == [7]
    assert [one.message for one in judgement.violations] == ["the process ended by itself, with exit code 7"]
    assert judgement.verdict is Verdict.FAILED
    assert [turn.status for turn in history.turns if turn.role == "turn"][:2] == [200, None]


async def test_a_command_that_crashes_is_found(tmp_path: Path) -> None:
    """The signal of the crash comes through the supervisor."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "profile.toml").write_text(PROFILE)
    profile = profiles.load(str(tmp_path / "profile.toml"))
    history = await once(Job(name="x", arm="control", steps=STEPS, faults=(), profile=profile, seed=1))
    assert died(history) == [-11]


@pytest.mark.parametrize(
    "fault",
    [ProcessKill(point="between_turns"), ProcessTerminate(point="between_turns"), ProcessRestart()],
)
async def test_one_that_had_died_before_a_fault_ends_it_is_found(job: Job, fault: Any) -> None:
    """What is to end it does not hide that there was nobody left to end, and has not fired."""
    armed = replace(fault, window=Window(from_step=3, until_step=3))
    steps = (
        *STEPS[:2],
        Wait(for_s=0.2),
        STEPS[2],
    )  # its sockets close before the system says that it has ended
    history = await once(replace(job, steps=steps, faults=(armed,), arm="faulted"))
    assert died(history) == [7]
    assert history.fired() == {armed.name: 0}


async def test_one_that_is_down_on_purpose_has_not_died(job: Job, tmp_path: Path) -> None:
    """Who is asked while it is down says so, and says nothing else once it is there again."""
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        await target.end(kill=True)
        assert await target.died() is None
        await target.begin()
        os.kill(target.child.process.pid, signal.SIGKILL)
        assert await target.died() == -signal.SIGKILL


async def test_who_is_ended_on_purpose_has_not_died(job: Job) -> None:
    """A restart and a kill are outages of their own kind, and the run goes on to its end."""
    kill = ProcessKill(point="between_turns", window=Window(from_step=1, until_step=1))
    steps = (Turn(message="one"), Turn(message="two"), Restart(), Turn(message="three"))
    history = await once(replace(job, steps=steps, faults=(kill,), arm="faulted"))
    assert died(history) == []
    assert history.fired() == {"process.kill": 1}
    assert [turn.status for turn in history.turns][-1] == 200


async def test_a_stream_that_its_process_dies_in_was_shown_in_part() -> None:
    """The blow falls when most of the provider's answer was sent, and before its end, as the client saw it."""
    reference = Job(
        name="x",
        arm="faulted",
        steps=(Turn(message="one", stream=True),),
        faults=(ProcessKill(point="mid_stream"),),
        profile=profiles.load(),
        seed=1,
    )
    (turn,) = (one for one in (await once(reference)).turns if one.role == "turn")
    assert turn.status == HTTPStatus.OK
    assert turn.error is not None
    assert "chunk" in str(turn.body)
    assert "done" not in str(turn.body)

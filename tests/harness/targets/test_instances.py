"""A second process of a service, and one that is given less time: there for the block, on record, and gone."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InvalidRun
from harness.history import LogRecord, Outage, Snapshot
from harness.rig import Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.instances import Second
from harness.targets.process import ProcessTarget

HERE = Path(__file__).parent
TURN = Outgoing(method="POST", path="/turn", headers={"x-request-id": "r-2"}, body=b'{"text": "hello"}')

PROFILE = """
command = "{python} server.py {port}"
provider_variable = "PROVIDER"
deadline_variable = "PATIENCE_S"
store_variable = "STORE"
store_template = "{directory}/rows"
health = "/health"
[turn]
path = "/turn"
body = { text = "{message}" }
[contract]
deadline_s = 3.0
"""
SERVER = """
import http.server, os, sys
if os.environ.get("PATIENCE_S") == "0.3":
    sys.exit("too little patience")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        said = {"/patience": os.environ.get("PATIENCE_S", "own"), "/store": os.environ["STORE"]}
        self.wfile.write(said.get(self.path, str(os.getpid())).encode())
    def log_message(self, *args):
        print("served", self.path, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def job_of(where: Path, **changes: Any) -> Job:
    """A job for the service whose profile is there."""
    profile = replace(profiles.load(str(where)), **changes)
    return Job(name="x", arm="faulted", steps=(), faults=(), profile=profile, seed=1)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Job:
    """The small app, which says at any path how it is."""
    monkeypatch.syspath_prepend(str(HERE))
    return job_of(HERE / "profile.toml", metrics="/metrics")


@pytest.fixture
def command(tmp_path: Path) -> Job:
    """A command that says what it was given."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "profile.toml").write_text(PROFILE)
    return job_of(tmp_path / "profile.toml")


async def said(target: ProcessTarget, path: str, base_url: str = "") -> str:
    """What is answered at a path."""
    asking = Outgoing(method="GET", path=path, headers={"connection": "close"}, base_url=base_url)
    return (await target.send(asking)).body.decode()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_second_process_of_an_app_answers_signs_and_leaves_its_log(app: Job, tmp_path: Path) -> None:
    """It asks the same provider and has the run's nonce; what it wrote and counted is on record when it has ended."""
    recorder = Recorder()
    async with ProcessTarget.start(app, recorder, directory=tmp_path) as target:
        assert target.rig.instances is not None
        async with target.rig.instances.another("test.second") as second:
            with second.taken() as base_url:
                answer = await target.send(replace(TURN, base_url=base_url))
            assert (answer.status, answer.headers["x-shakeout-nonce"]) == (200, target.nonce)
            assert base_url != target.base_url
            assert target.server.witness.calls == 1
        after = await target.send(replace(TURN, base_url=base_url))
        assert after.error == "ConnectError"
        assert (await target.send(replace(TURN, headers={"x-request-id": "r-3"}))).status == 200
    completed = [one for one in recorder.records if isinstance(one, LogRecord) and one.event == "done"]
    assert [(one.source, one.request_id) for one in completed[:1]] == [("app", "r-2")]
    (counted,) = [one for one in recorder.records if isinstance(one, Snapshot)]
    assert (counted.name, counted.status, counted.data) == ("metrics", 200, {"turns": []})
    assert counted.request_id in [one.request_id for one in completed]
    assert "r-2" not in (tmp_path / "app.log").read_text()


async def test_a_second_process_of_a_command_has_the_same_store(command: Job, tmp_path: Path) -> None:
    """Both are given the place of one store, each has a port of its own, and the second is gone with its block."""
    recorder, directory = Recorder(), tmp_path / "run"
    directory.mkdir()
    async with ProcessTarget.start(command, recorder, directory=directory) as target:
        assert target.rig.instances is not None
        first = int(await said(target, "/pid"))
        async with target.rig.instances.another("test.second") as second:
            with second.taken() as base_url:
                pid = int(await said(target, "/pid", base_url))
                assert await said(target, "/store", base_url) == f"{directory}/rows"
            assert not gone(pid)
        assert gone(pid)
        assert int(await said(target, "/pid")) == first != pid
    texts = [one.text for one in recorder.records if isinstance(one, LogRecord)]
    assert "served /store" in texts


async def test_a_second_process_is_gone_when_the_run_breaks_off(command: Job, tmp_path: Path) -> None:
    """An error within the block ends it, and the first one goes with its own block."""

    async def breaks_off(pids: list[int]) -> None:
        async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
            assert target.rig.instances is not None
            async with target.rig.instances.another("test.second") as second:
                with second.taken() as base_url:
                    pids.extend([int(await said(target, "/pid", base_url)), int(await said(target, "/pid"))])
                raise ValueError("the step")

    pids: list[int] = []
    with pytest.raises(ValueError, match="the step"):
        await breaks_off(pids)
    assert [gone(pid) for pid in pids] == [True, True]


async def test_what_does_not_start_beside_the_first_makes_the_run_invalid(
    command: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service of which there can be one only has broken no promise."""
    async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
        assert target.rig.instances is not None
        monkeypatch.setenv("PATIENCE_S", "0.3")
        with pytest.raises(InvalidRun, match=r"test\.second: no second process beside the first: .*patience"):
            async with target.rig.instances.another("test.second"):
                raise AssertionError


async def test_it_is_not_ended_before_all_is_answered_and_takes_nobody_in_meanwhile() -> None:
    """Who is inside keeps it there; who comes while it goes is told nothing of it."""
    second = Second("http://there")
    with second.taken() as one, second.taken() as other:
        leaving = asyncio.ensure_future(second.left())
        await asyncio.sleep(0)
        with second.taken() as late:
            assert (one, other, late) == ("http://there", "http://there", "")
        assert not leaving.done()
    await leaving


def outages(records: list[Any]) -> list[tuple[str, str, int | None]]:
    return [(one.fault, one.how, one.exit_code) for one in records if isinstance(one, Outage)]


async def test_a_service_is_hurried_for_the_block(command: Job, tmp_path: Path) -> None:
    """Its variable takes a share of the promised deadline, also in whatever is started meanwhile; then it has its own."""
    recorder = Recorder()
    async with ProcessTarget.start(command, recorder, directory=tmp_path) as target:
        assert target.rig.instances is not None
        assert await said(target, "/patience") == "own"
        async with target.rig.instances.hurried("test.hurried", 0.5) as deadline_s:
            assert (deadline_s, await said(target, "/patience")) == (1.5, "1.5")
            await target.restart(kill=True)
            assert await said(target, "/patience") == "1.5"
        assert await said(target, "/patience") == "own"
    assert [one[:2] for one in outages(recorder.records)] == [("test.hurried", "terminated")] * 2
    assert not [one for one in recorder.records if one.kind == "fault"]


async def test_a_process_that_is_down_is_not_begun_by_the_end_of_the_hurry(
    command: Job, tmp_path: Path
) -> None:
    """Whatever took it down begins it, with its own deadline: whichever of the two ends first."""
    async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
        assert target.rig.instances is not None
        assert target.rig.process is not None
        async with target.rig.instances.hurried("test.hurried", 0.5):
            down = target.rig.process.down("test.down", kill=True)
            await down.__aenter__()
        assert target.child.line.closed
        await down.__aexit__(None, None, None)
        assert await said(target, "/patience") == "own"


@pytest.mark.parametrize("kill_first", [True, False])
async def test_a_hurry_that_meets_a_kill_leaves_one_process(
    command: Job, tmp_path: Path, kill_first: bool
) -> None:
    """Both begin at once and both end at once: no two processes are ever there on one store."""
    async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
        assert target.rig.instances is not None
        assert target.rig.process is not None
        hurried = target.rig.instances.hurried("test.hurried", 0.5)
        down = target.rig.process.down("test.down", kill=True)
        both = [down, hurried] if kill_first else [hurried, down]
        children = []
        await asyncio.gather(*(one.__aenter__() for one in both))
        children.append(target.child.process)
        assert target.child.line.closed
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in both))
        children.append(target.child.process)
        assert children[0].returncode is not None
        assert await said(target, "/patience") == "own"


async def test_a_deadline_with_which_it_does_not_start_makes_the_run_invalid(
    command: Job, tmp_path: Path
) -> None:
    """The message names the variable and its value."""
    async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
        assert target.rig.instances is not None
        with pytest.raises(InvalidRun, match=r"with PATIENCE_S=0\.3: .*too little patience"):
            async with target.rig.instances.hurried("test.hurried", 0.1):
                raise AssertionError


async def test_what_was_sent_to_a_second_process_is_answered_before_it_goes(
    command: Job, tmp_path: Path
) -> None:
    """A block that ends while a request is under way there waits for its answer."""
    async with ProcessTarget.start(command, Recorder(), directory=tmp_path) as target:
        assert target.rig.instances is not None
        life = target.rig.instances.another("test.second")
        second = await life.__aenter__()
        with second.taken() as base_url:
            ending = asyncio.ensure_future(life.__aexit__(None, None, None))
            pids = {await said(target, "/pid", base_url) for _ in range(3)}
            assert (len(pids), ending.done()) == (1, False)
        await ending
        assert gone(int(pids.pop()))

"""A fault within the process and one of the process itself mend, whichever began first and whichever ends first."""

from pathlib import Path

import pytest
from felt_mending import ORDERS, made
from inside_faults import Teapot

from harness.faults import ProcessKill
from harness.rig import Fault, Outgoing
from harness.targets import profile as profiles
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget

TARGETS = Path(__file__).parents[1] / "targets"
ASKING = Outgoing(method="GET", path="/state/x", headers={"connection": "close"})


@pytest.mark.parametrize("first", ["process.kill", "test.teapot"])
@pytest.mark.parametrize("order", ORDERS)
async def test_a_fault_within_lives_on_in_the_next_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, order: tuple[int, int]
) -> None:
    """The process that comes next has the fault that is still there, also one that began while there was none."""
    monkeypatch.syspath_prepend(str(TARGETS))
    kill, teapot = made("process.kill"), Teapot()
    faults: list[Fault] = [kill, teapot] if first == kill.name else [teapot, kill]
    profile = profiles.load(str(TARGETS / "profile.toml"))
    job = Job(name="small", arm="faulted", steps=(), faults=(), profile=profile, seed=1, wired=tuple(faults))
    async with ProcessTarget.start(job, Recorder(), directory=tmp_path) as target:
        held = [fault.inject(target.rig) for fault in faults]
        for one in held:
            await one.__aenter__()
        await held[order[0]].__aexit__(None, None, None)
        left = faults[order[1]]
        assert (await target.send(ASKING)).status == (None if isinstance(left, ProcessKill) else 418)
        await held[order[1]].__aexit__(None, None, None)
        assert (await target.send(ASKING)).status == 200

"""Where the output of a child goes, and what its environment says of the run's folder."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.targets import profile as profiles
from harness.targets.started import child, environment, new_nonce

ODD = """
import os, stat, sys
kinds = [stat.S_ISFIFO(os.fstat(number).st_mode) for number in (1, 2)]
print("piped", kinds, flush=True)
print("errors", file=sys.stderr)
if os.environ.get("FAILS"):
    raise RuntimeError("at the end")
async def app(scope, receive, send):
    for said in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{said}.complete"})
"""


@pytest.fixture
def serving(tmp_path: Path) -> Any:
    """Starts an app that says what it writes to."""
    (tmp_path / "odd_output.py").write_text(ODD)
    place = tmp_path / "profile.toml"
    place.write_text('app = "odd_output:app"\n[turn]\npath = "/t"\nbody = { a = "{message}" }\n')
    profile = profiles.load(str(place))

    def start(*, piped: bool, variables: dict[str, str]) -> Any:
        return child(
            "serve",
            ["--app", profile.app],
            profile=profile,
            directory=tmp_path,
            environment=variables,
            nonce=new_nonce(),
            piped=piped,
        )

    return start


@pytest.mark.parametrize("piped", [False, True])
async def test_both_outputs_are_pipes_where_that_is_asked_for(
    tmp_path: Path, serving: Any, piped: bool
) -> None:
    """All that it wrote to either is in its file when it has ended."""
    async with serving(piped=piped, variables={}):
        pass
    assert f"piped {[piped, piped]}" in (tmp_path / "app.log").read_text()
    assert "errors\n" in (tmp_path / "stderr.log").read_text()


async def test_why_a_child_did_not_start_is_read_through_the_pipe(serving: Any) -> None:
    """The reason has passed the pipe when it is asked for."""
    with pytest.raises(UsageError, match="did not start: RuntimeError: at the end"):
        async with serving(piped=True, variables={"FAILS": "1"}):
            pass


def test_a_variable_may_name_the_folder_of_the_run(tmp_path: Path) -> None:
    """`{directory}` in it stands for the folder, as in the command and in the place of the store."""
    place = tmp_path / "profile.toml"
    turn = '[turn]\npath = "/t"\nbody = { a = "{message}" }\n'
    place.write_text(f'app = "x:app"\n[environment]\nLOG = "{{directory}}/x.log"\nOTHER = "{{x}}"\n{turn}')
    values = environment(profiles.load(str(place)), Path("/run"), provider=None)
    assert values == {"LOG": "/run/x.log", "OTHER": "{x}"}

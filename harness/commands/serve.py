"""`shakeout serve`: the target and the simulated provider, to play with."""

import shlex
import socket
import tempfile
from pathlib import Path
from typing import Annotated

import orjson
import typer

from harness.commands.aim import check_started
from harness.commands.common import Defect, Target, options, out, wait_for
from harness.errors import TargetFailed, UsageError
from harness.runner import SEED, Options
from harness.scenario import PLAN_INPUT
from harness.targets.driven import Job, Recorder
from harness.targets.process import ProcessTarget
from harness.targets.serving import Serving


def command(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the app; 0 takes a free one.")] = 0,
    provider_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the provider.")] = 0,
    defect: Defect = None,
    target: Target = None,
) -> None:
    """Serve the app and the simulated provider until Ctrl-C; the app's log goes to the terminal."""
    if port and port == provider_port:
        raise UsageError(
            f"port {port}: the app and the provider cannot share it; choose another, or 0 for a free one"
        )
    for wanted in (port, provider_port):
        _free(wanted)
    chosen = options(stage="live", seed=SEED, defects=defect, target=target, histories=None)
    check_started(chosen.profile)
    wait_for(_serve(chosen, Serving(port=port, provider_port=provider_port, calls_kept=1000, own_log=False)))


async def _serve(chosen: Options, serving: Serving) -> None:
    """Serve until the app ends or this is cancelled."""
    job = Job(
        name="serve",
        arm="control",
        steps=(),
        faults=(),
        profile=chosen.profile,
        seed=0,
        defects=chosen.defects,
    )
    with tempfile.TemporaryDirectory(prefix="shakeout-") as directory:
        async with ProcessTarget.start(job, Recorder(), directory=Path(directory), serving=serving) as target:
            with_defects = f", with {', '.join(chosen.defects)}" if chosen.defects else ""
            out.print(
                f"{chosen.profile.name} at {target.base_url}{with_defects}; provider at {target.server.base_url}"
            )
            template = chosen.profile.turn
            body = orjson.dumps(template.render(PLAN_INPUT, None)).decode()
            out.print(
                f"try: curl -s {target.base_url}{template.path} -H 'content-type: application/json' -d {shlex.quote(body)}"
            )
            code = await target.child.process.wait()
            raise TargetFailed(f"{chosen.profile.name} ended by itself with {code}")


def _free(port: int) -> None:
    """Refuse a port that somebody has.

    Raises:
        UsageError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror}; choose another, or 0 for a free one") from error

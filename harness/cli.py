"""The command `shakeout`: parses, calls, shows. Exit codes as in the README.

An error is one line with its remedy; the parser's own, of an option or a value that it does not know, is the usage, a
hint and that line.
"""

import traceback

import typer

from harness.commands import bridge, explore, list_things, load, matrix, profile, run, serve, sweep
from harness.commands.common import err
from harness.errors import InvalidRun, ShakeoutError

app = typer.Typer(
    name="shakeout",
    help="Drive an async service through faults, judge what was answered and logged, prove that each check can fail.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.command)
app.command("sweep")(sweep.command)
app.command("explore")(explore.command)
app.command("matrix")(matrix.command)
app.command("load")(load.command)
app.command("bridge")(bridge.command)
app.command("serve")(serve.command)
app.add_typer(profile.app, name="profile")
app.command("list")(list_things.command)


def execute() -> int:
    """Run the command line; its exit code, after a line on standard error where something cannot be done."""
    try:
        app()
    except SystemExit as ended:
        lost = ended.__context__
        if not isinstance(lost, OSError):
            return int(ended.code or 0)
        # The parser's way with a pipe that nobody reads is exit code 1, which would say that a service has failed.
        return _not_shown(lost)
    except ShakeoutError as error:
        err.print(f"shakeout: {error}", markup=False)
        return error.exit_code
    except OSError as error:
        *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
        if not innermost.f_globals["__name__"].startswith("typer."):
            raise
        return _not_shown(error)
    return 0


def _not_shown(error: OSError) -> int:
    """Say that what the parser wrote, help or a complaint, could not be written; the exit code for it."""
    err.print(f"shakeout: standard output: {error.strerror}", markup=False)
    return InvalidRun.exit_code

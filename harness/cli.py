"""The command `shakeout`: parses, calls, shows. Exit codes as in the README; an error is one line with its remedy."""

import traceback
from typing import Any

import typer

from harness.commands import (
    bridge,
    explore,
    judge,
    list_things,
    load,
    matrix,
    profile,
    reproduce,
    run,
    serve,
    sweep,
)
from harness.commands.common import err
from harness.errors import InvalidRun, ShakeoutError, UsageError

app = typer.Typer(
    name="shakeout",
    help="Drive an async service through faults, judge what was answered and logged, prove that each check can fail.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.command)
app.command("sweep")(sweep.command)
app.command("explore")(explore.command)
app.command("matrix")(matrix.command)
app.command("load")(load.command)
app.command("judge")(judge.command)
app.command("reproduce")(reproduce.command)
app.command("bridge")(bridge.command)
app.command("serve")(serve.command)
app.add_typer(profile.app, name="profile")
app.command("list")(list_things.command)


def execute() -> int:
    """Run the command line; its exit code, after a line on standard error where something cannot be done."""
    try:
        return int(app(prog_name="shakeout", standalone_mode=False) or 0)
    except typer.TyperException as error:
        err.print(f"shakeout: {_told(error)}", markup=False)
        return UsageError.exit_code
    except SystemExit as ended:
        lost = ended.__context__
        if not isinstance(lost, OSError):
            raise
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


def _told(error: Any) -> str:
    """What the parser complains of, as an option or a value that it does not know, and where what there is stands."""
    said = " ".join(error.format_message().split()).removesuffix(".")
    command = error.ctx.command_path if error.ctx else "shakeout"
    return f"{said[:1].lower()}{said[1:]}; see {command} --help"


def _not_shown(error: OSError) -> int:
    """Say that what the parser wrote, help or a complaint, could not be written; the exit code for it."""
    err.print(f"shakeout: standard output: {error.strerror}", markup=False)
    return InvalidRun.exit_code

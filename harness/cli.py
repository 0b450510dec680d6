"""The command `shakeout`: parses, calls, shows. Errors are one line with the remedy; exit codes as in the README."""

import sys

import typer

from harness.commands import list_things, load, matrix, run, serve
from harness.commands.common import err
from harness.errors import ShakeoutError

app = typer.Typer(
    name="shakeout",
    help="Drive an async service through faults, judge what was answered and logged, prove that each check can fail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.command)
app.command("matrix")(matrix.command)
app.command("load")(load.command)
app.command("serve")(serve.command)
app.command("list")(list_things.command)


def main() -> None:
    """Run the command line; a traceback reaches the user only for a bug of ours."""
    try:
        app(standalone_mode=True)
    except ShakeoutError as error:
        err.print(f"shakeout: {error}", markup=False)
        sys.exit(error.exit_code)

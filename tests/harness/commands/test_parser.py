"""What the parser of the command line complains of: a line as any other error, with where to look."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "shakeout: missing command; see shakeout --help"),
        (["profile"], "shakeout: missing command; see shakeout profile --help"),
        (["frob"], "shakeout: no such command 'frob'; see shakeout --help"),
        (["run", "--nothing"], "shakeout: no such option: --nothing; see shakeout run --help"),
        (["list"], "shakeout: missing argument 'kind'. "),
        (["list", "nothing"], "shakeout: invalid value for 'kind': "),
        (["run", "--seed"], "shakeout: option '--seed' requires an argument; see shakeout "),
        (["run", "--seed", str(10**26)], "shakeout: invalid value for '--seed': "),
        (["load", "--seed", str(10**26)], "shakeout: invalid value for '--seed': "),
        (["bridge", "--jobs", "0"], "shakeout: invalid value for '--jobs': "),
        (["profile", "check", "this"], "shakeout: got unexpected extra argument(s) (this); "),
    ],
)
def test_what_the_parser_does_not_know_is_one_line_and_exit_2(shakeout, arguments, said):
    """It says what is wrong and which --help to read, without a usage, a frame or a second line."""
    code, out, err = shakeout(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(said)
    assert "; see shakeout " in err
    assert err.endswith(" --help\n")


@pytest.mark.parametrize("command", [[], ["run"], ["profile", "check"]])
def test_help_that_is_asked_for_is_shown(shakeout, command):
    """Help is no error: it goes to the standard output, exit 0."""
    code, out, err = shakeout(*command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(['shakeout', *command])} [OPTIONS]")

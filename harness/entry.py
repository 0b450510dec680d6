"""Where `shakeout` begins: so light that Ctrl-C during the imports behind it is an interruption like any other."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Import the command line and run it."""
    try:
        from harness import cli  # noqa: PLC0415  # the imports take half a second, in which one may press Ctrl-C

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("shakeout: interrupted; everything that was started has been ended\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

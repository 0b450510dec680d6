"""The command line, for the services."""

from command_line import shakeout

__all__ = ["shakeout"]

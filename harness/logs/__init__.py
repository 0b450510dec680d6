"""Reading logs: one record a line, and no line is ever dropped."""

from harness.logs.parser import parse

__all__ = ["parse"]

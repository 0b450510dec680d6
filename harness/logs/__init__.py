"""Reading logs: one record a line, and no line is ever dropped."""

from harness.logs.clock import seconds
from harness.logs.files import Reading, follow, read
from harness.logs.parser import parse
from harness.logs.templates import Template, template

__all__ = ["Reading", "Template", "follow", "parse", "read", "seconds", "template"]

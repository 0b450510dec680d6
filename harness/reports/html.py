"""Pages: one file each, with everything in it, so that it can be sent and opened without a network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.reports.json_file import write_whole


def render(template: str, **values: Any) -> str:
    """A page from a template of `harness/reports/templates`; every value is escaped, and one that is missing raises."""
    environment = Environment(
        loader=PackageLoader("harness.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def write(path: Path, template: str, **values: Any) -> None:
    """Write one page; it appears whole or not at all."""
    write_whole(path, render(template, **values).encode())

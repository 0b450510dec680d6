"""The page of a load run."""

from pathlib import Path

from harness.load.report import LoadReport
from harness.reports import html


def write(path: Path, report: LoadReport) -> None:
    """Write the page."""
    html.write(path, "load.html", report=report)

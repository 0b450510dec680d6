"""The requests beside the turns that a log tells of: those without a body can be sent again, as they stand there."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from harness.history import LogRecord
from harness.incidents.signature import Signature
from harness.logs import parse
from harness.scenario import Request, Scenario

METHODS = ("GET", "HEAD")
"""Those that change nothing, and need nothing but a path."""

ASKED_MAX = 5
"""So many different requests are sent in each drill, the most frequent of the log first."""


def asked(incident: Signature, *known: str) -> tuple[Request, ...]:
    """The requests that the access lines of a log tell of, but for the paths that are `known` to be sent anyhow."""
    counts = Counter[tuple[str, str]]()
    for trait, shown in incident.examples.items():
        for record in parse(one.text for one in shown) if trait.startswith("access line: ") else ():
            if (one := _asked(record)) is not None and one[1] not in known:
                counts[one] += incident.traits.get(trait, 0)
    return tuple(Request(method=method, path=path) for (method, path), _ in counts.most_common(ASKED_MAX))


def asking(scenario: Scenario, requests: Iterable[Request]) -> Scenario:
    """The scenario with these requests behind its first step, so that a fault is there when they come."""
    first, *rest = scenario.steps
    return replace(scenario, steps=(first, *requests, *rest)) if rest else scenario


def _asked(record: LogRecord) -> tuple[str, str] | None:
    """The method and the path of an access line that can be sent again; what was redacted cannot."""
    method, path = str(record.fields.get("method")), str(record.fields.get("path", "")).partition("?")[0]
    can_be = method in METHODS and path.startswith("/") and "[" not in path
    return (method, path) if can_be else None

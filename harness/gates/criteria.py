"""The success criteria of a service as gates: the table that a load run is judged by."""

from collections.abc import Sequence

from harness.gates.criterion import Criterion
from harness.gates.grammar import parse
from harness.gates.log_metrics import TEXT
from harness.gates.metrics import METRICS
from harness.history import LOGS, Contract


def success_criteria(contract: Contract, *, canary: str = "") -> tuple[Criterion, ...]:
    """The gates that a service with this contract is held to.

    What a contract does not promise is not asked: without a completion event, log and wire are not compared;
    without a primary method, neither methods nor the numbers of turns are. `canary` is a word that stands in every
    message that was sent: with it, a service with a primary method may not have it in its log.
    """
    gates = ["error_rate < 0.1%", "p99 < 2s", "max < 2s", "status(5xx) == 0"]
    texts = ["500 Internal Server Error", *contract.forbidden_texts]
    gates += ["log_status(500) == 0", *(f'log("{event}") == 0' for event in contract.forbidden_events)]
    if contract.completion_event is not None:
        gates.append("misreported == 0")
    if contract.primary_method is not None:
        gates += [f"share(method={contract.primary_method}) == 100%", "unclassified == 0", "forgotten == 0"]
        texts += [canary] if canary else []
    gates += [f'log_text("{text}") == 0' for text in texts]
    return tuple(map(parse, gates))


def watched_texts(criteria: Sequence[Criterion]) -> tuple[str, ...]:
    """The texts that must be counted in a log before these gates can judge it."""
    return tuple(dict.fromkeys(one.argument.strip('"') for one in criteria if one.metric == TEXT))


def by_log(criterion: Criterion) -> bool:
    """Whether the service's log has to testify to it."""
    return METRICS[criterion.metric].witness == LOGS


def split(
    criteria: Sequence[Criterion], *, without_log: bool
) -> tuple[tuple[Criterion, ...], tuple[Criterion, ...]]:
    """The gates that are to be judged, and those that are left out `without_log`."""
    waived = tuple(one for one in criteria if without_log and by_log(one))
    return tuple(one for one in criteria if one not in waived), waived


def summaries() -> list[tuple[str, str]]:
    """Each metric that a gate can be about, as it is written, and its one line."""
    return [
        (f"{name}({one.argument})" if one.argument else name, one.summary) for name, one in METRICS.items()
    ]

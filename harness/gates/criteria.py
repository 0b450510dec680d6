"""The success criteria of a service as gates: the table that a load run is judged by."""

from collections.abc import Sequence

from harness.gates.agreement import HistoryPreserved, StatusAgreement, TurnsClassified
from harness.gates.counts import EveryTurnFast, LogEvents, LogStatus, LogTexts, MethodShare, ServerErrors
from harness.gates.estimates import ErrorRate, LatencyPercentile
from harness.gates.result import Gate
from harness.history import Contract


def success_criteria(contract: Contract, *, canary: str = "") -> tuple[Gate, ...]:
    """The gates that a service with this contract is held to.

    What a contract does not promise is not asked: without a completion event, log and wire are not compared;
    without a primary method, neither methods nor the numbers of turns are. `canary` is a word that stands in every
    message that was sent: with it, a service with a primary method may not have it in its log.
    """
    gates: list[Gate] = [
        ErrorRate(),
        LatencyPercentile(),
        EveryTurnFast(),
        ServerErrors(),
        LogTexts(texts=("500 Internal Server Error",)),
        LogStatus(),
        *(LogEvents(event=event) for event in contract.forbidden_events),
    ]
    if contract.forbidden_texts:
        gates.append(LogTexts(texts=contract.forbidden_texts, label="forbidden texts"))
    if contract.completion_event is not None:
        gates.append(StatusAgreement())
    if contract.primary_method is not None:
        gates += [MethodShare(method=contract.primary_method), TurnsClassified(), HistoryPreserved()]
        gates += [LogTexts(texts=(canary,), label="message text")] if canary else []
    return tuple(gates)


def watched_texts(gates: Sequence[Gate]) -> tuple[str, ...]:
    """The texts that must be counted in a log before these gates can judge it."""
    return tuple(dict.fromkeys(text for gate in gates if isinstance(gate, LogTexts) for text in gate.texts))


def summaries() -> list[tuple[str, str]]:
    """Each gate by an example of its name, and its one line."""
    examples: tuple[Gate, ...] = (
        ErrorRate(),
        LatencyPercentile(),
        EveryTurnFast(),
        ServerErrors(),
        LogEvents(event="EVENT"),
        LogTexts(texts=("TEXT",)),
        LogStatus(),
        StatusAgreement(),
        MethodShare(method="METHOD"),
        TurnsClassified(),
        HistoryPreserved(),
    )
    return [(gate.name, (type(gate).__doc__ or "").strip().splitlines()[0]) for gate in examples]

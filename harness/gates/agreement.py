"""Gates that hold two witnesses to each other: the wire and the log, and a turn and the turns before it."""

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.gates.counts import all_of, heard
from harness.gates.observations import CLASSIFIED, LogTally, Observations, TurnSent
from harness.gates.result import GateResult, Unit
from harness.history import LOGS, WIRE
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnsClassified:
    """Each turn answered with a 200 has its one `intent_classification_success` in the log.

    The load never sends a request twice, so no 200 is a replay.
    """

    witness: ClassVar[str] = LOGS
    name: ClassVar[str] = f'log("{CLASSIFIED}") == count(200)'

    def judge(self, seen: Observations) -> GateResult:
        """Count by request id."""
        log = heard(seen)
        answered = [turn for turn in seen.turns if turn.succeeded]
        wrong = [turn for turn in answered if log.classified.get(turn.request_id, 0) != 1]
        return all_of(self.name, wrong, answered, f"answered turns have exactly one {CLASSIFIED}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAgreement:
    """Each request has exactly one completion record, with the status that the client saw and no false success.

    Of a request that got no answer, at most one record may exist, for it may never have arrived.
    """

    witness: ClassVar[str] = LOGS
    name: ClassVar[str] = "status in log == status on the wire"

    def judge(self, seen: Observations) -> GateResult:
        """Compare by request id."""
        log = heard(seen)
        wrong = [(turn, lie) for turn in seen.turns if (lie := _lie(turn, log)) is not None]
        result = all_of(
            self.name, [turn for turn, _ in wrong], seen.turns, "requests are logged as they were sent"
        )
        return result if not wrong else _because(result, wrong[0][1])


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPreserved:
    """Turn n of a conversation is answered as turn n: the service remembers the n-1 turns before it."""

    witness: ClassVar[str] = WIRE
    name: ClassVar[str] = "history preserved: turn n is answered as turn n"

    def judge(self, seen: Observations) -> GateResult:
        """Compare the answers' own count with the client's; without any second turn nothing is proven."""
        answered = [turn for turn in seen.turns if turn.succeeded]
        wrong = [turn for turn in answered if turn.turn_seen != turn.turn]
        result = all_of(self.name, wrong, answered, "answered turns know the turns before them")
        if wrong or not answered or any(turn.turn > 1 for turn in answered):
            return result if not wrong else _because(result, f"it was answered as turn {wrong[0].turn_seen}")
        asked = any(turn.turn > 1 for turn in seen.turns)
        verdict = Verdict.FAILED if asked else Verdict.UNDECIDED
        message = f"no second turn was {'answered' if asked else 'sent: 1 more request is missing'}"
        return GateResult(
            name=self.name,
            verdict=verdict,
            observed=None,
            bound=None,
            limit=1,
            unit=Unit.SHARE,
            message=message,
            missing=None if asked else 1,
        )


def _lie(turn: TurnSent, log: LogTally) -> str | None:
    """What the log says of a turn that is not so, or None."""
    found = log.completions.get(turn.request_id, ())
    if turn.status is None and not found:
        return None
    if len(found) != 1:
        return f"it has {len(found)} completion records"
    (completion,) = found
    if turn.status is not None and completion.status != turn.status:
        return f"it was logged as {completion.status}"
    if completion.lies:
        return f"it was logged as success={completion.success} with status {completion.status}"
    return None


def _because(result: GateResult, reason: str) -> GateResult:
    """The result with what is wrong about its evidence."""
    return replace(result, message=f"{result.message}, {reason}")

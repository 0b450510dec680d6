"""Gates on what must not happen at all, and on what must happen every time. What was never seen does not pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from harness.gates.observations import LogTally, Observations, TurnSent
from harness.gates.result import GateResult, Unit
from harness.history import LOGS, WIRE
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerErrors:
    """No turn is answered with a 5xx, but for one that was shed as declared: 503 with Retry-After."""

    witness: ClassVar[str] = WIRE
    name: ClassVar[str] = "status(5xx) == 0"

    def judge(self, seen: Observations) -> GateResult:
        """Count them on the wire."""
        answered = [turn for turn in seen.turns if turn.status is not None]
        wrong = [turn for turn in answered if turn.broken]
        shed = sum(turn.shed for turn in answered)
        message = f"{len(wrong)} of {len(answered):,} answers are 5xx, {shed:,} more were shed as declared"
        return GateResult(
            name=self.name,
            verdict=Verdict.PASSED if answered and not wrong else Verdict.FAILED,
            observed=len(wrong),
            bound=len(wrong),
            limit=0,
            unit=Unit.COUNT,
            message=message + _first(wrong, "the first") if answered else "no answer was seen",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryTurnFast:
    """No single turn takes `limit_s` seconds or more; one without an answer took for ever."""

    witness: ClassVar[str] = WIRE
    limit_s: float = 2.0

    @property
    def name(self) -> str:
        """`latency max < 2 s`."""
        return f"latency max < {self.limit_s:g} s"

    def judge(self, seen: Observations) -> GateResult:
        """Look at the slowest."""
        slowest = max(seen.turns, key=lambda turn: turn.elapsed_s, default=None)
        fast = slowest is not None and slowest.elapsed_s < self.limit_s
        return GateResult(
            name=self.name,
            verdict=Verdict.PASSED if fast else Verdict.FAILED,
            observed=slowest.elapsed_s if slowest else None,
            bound=slowest.elapsed_s if slowest else None,
            limit=self.limit_s,
            unit=Unit.SECONDS,
            message=f"the slowest: {slowest}" if slowest else "no turn was seen",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodShare:
    """Every turn answered with a 200 was answered by `method`: what a healthy provider must give."""

    witness: ClassVar[str] = WIRE
    method: str

    @property
    def name(self) -> str:
        """`share(method=conversation_aware) == 100%`."""
        return f"share(method={self.method}) == 100%"

    def judge(self, seen: Observations) -> GateResult:
        """Count the answers' own words."""
        answered = [turn for turn in seen.turns if turn.succeeded]
        others = [turn for turn in answered if turn.method != self.method]
        return all_of(self.name, others, answered, f"answered by {self.method}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvents:
    """The event is not in the log."""

    witness: ClassVar[str] = LOGS
    event: str

    @property
    def name(self) -> str:
        """`log("EVENT") == 0`."""
        return f'log("{self.event}") == 0'

    def judge(self, seen: Observations) -> GateResult:
        """Count it."""
        log = heard(seen)
        return absent(self.name, log.events.get(self.event, 0), log, self.event)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTexts:
    """None of the texts is in any line of the log, whatever the line's format; `label` stands for many in the name."""

    witness: ClassVar[str] = LOGS
    texts: tuple[str, ...]
    label: str = ""

    @property
    def name(self) -> str:
        """`log("TEXT") == 0`."""
        return f"log({self.label or ', '.join(f'{chr(34)}{text}{chr(34)}' for text in self.texts)}) == 0"

    def judge(self, seen: Observations) -> GateResult:
        """Count the lines of each text."""
        log = heard(seen)
        first = next((text for text in self.texts if log.texts[text]), "")
        return absent(self.name, sum(log.texts[text] for text in self.texts), log, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """No line of the log tells of the status, as a field or in its text."""

    witness: ClassVar[str] = LOGS
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR.value

    @property
    def name(self) -> str:
        """`log(status_code=500) == 0`."""
        return f"log(status_code={self.status}) == 0"

    def judge(self, seen: Observations) -> GateResult:
        """Count the lines."""
        log = heard(seen)
        return absent(self.name, log.statuses.get(self.status, 0), log, f"status_code={self.status}")


def heard(seen: Observations) -> LogTally:
    """The log: a gate with the witness `logs` is judged only where there is one."""
    assert seen.log is not None, "judged without its witness"
    return seen.log


def absent(name: str, count: int, log: LogTally, key: str) -> GateResult:
    """The result for what may not be in a log. A log that is mute is invalid, not a pass."""
    if count:
        verdict, message = Verdict.FAILED, f"{count} in {log.lines:,} lines; the first: {log.examples[key]}"
    elif log.mute:
        verdict, message = Verdict.INVALID, f"{log.mute}: it cannot testify"
    else:
        verdict, message = Verdict.PASSED, f"0 in {log.lines:,} lines"
    return GateResult(
        name=name, verdict=verdict, observed=count, bound=count, limit=0, unit=Unit.COUNT, message=message
    )


def all_of(name: str, wrong: Sequence[TurnSent], turns: Sequence[TurnSent], what: str) -> GateResult:
    """The result for what must be so for all of `turns`; where there are none, that does not pass."""
    share = (len(turns) - len(wrong)) / len(turns) if turns else None
    message = f"{len(turns) - len(wrong):,} of {len(turns):,} {what}{_first(wrong, 'the first that is not')}"
    return GateResult(
        name=name,
        verdict=Verdict.PASSED if turns and not wrong else Verdict.FAILED,
        observed=share,
        bound=share,
        limit=1,
        unit=Unit.SHARE,
        message=message if turns else "no answered turn was seen",
    )


def _first(wrong: Sequence[TurnSent], which: str) -> str:
    """The first that is wrong, as evidence."""
    return f"; {which}: {wrong[0]}" if wrong else ""

"""How a log is judged, with no run at all: read once, counted, held to the monitoring plan of its service."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import InvalidRun, UsageError
from harness.gates.before_and_after import compare
from harness.gates.live_log import LiveLog
from harness.gates.log_counts import LogCounts
from harness.gates.log_trend import Increases
from harness.gates.monitoring import monitoring_plan, without_turns
from harness.gates.result import GateResult
from harness.history import LogRecord
from harness.logs import Reading, Template, follow, read
from harness.reports import json_file
from harness.targets.profile import Profile
from harness.verdict import Verdict

SAID_EVERY = 50_000
LOOK_EVERY_S = 0.2
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """The judgement of a log: its gates, what was assumed to judge it and its baseline, and how well they could be read.

    `unfinished` says that a log that was followed was left before it was decided. The names in a message have gone
    through `redact`, a template through `quote`, and a line through `evidence`.
    """

    gates: tuple[GateResult, ...]
    counts: LogCounts
    reading: Reading
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...]
    unfinished: str = ""
    redact: Callable[[str], str] = str
    quote: Callable[[str], str] = str
    evidence: Callable[[str], str] = str

    @property
    def verdict(self) -> Verdict:
        """The worst of the gates: a line that may not be stands, however little else the log says."""
        return Verdict.worst(gate.verdict for gate in self.gates)

    @property
    def quoted(self) -> tuple[GateResult, ...]:
        """The gates with messages and evidence that may be shown."""
        return tuple(
            replace(gate, message=self.redact(gate.message), evidence=self.evidence(gate.evidence))
            for gate in self.gates
        )

    @property
    def templates(self) -> tuple[Template, ...]:
        """What the lines of no known format have in common, as far as it may be shown."""
        return tuple(replace(one, text=self.quote(one.text)) for one in self.reading.templates)

    @property
    def read(self) -> str:
        """How much was read, and how much of it no format knows."""
        reading, requests = self.reading, self.counts.requests.count
        return f"{requests:,} requests in {reading.lines:,} lines, {reading.unknown:,} of no known format"

    def to_json(self, replay: str) -> dict[str, Any]:
        """The document for `--json`."""
        reading = self.reading
        return json_file.document(
            "judge",
            self.verdict,
            replay,
            log=str(reading.path),
            lines=reading.lines,
            records=reading.records,
            unknown=reading.unknown,
            templates=[asdict(one) for one in self.templates],
            templates_rest=self.reading.rest,
            requests=self.counts.requests.count,
            gates=[gate.to_json() for gate in self.quoted],
            assumptions=list(self.assumptions),
            doubts=list(self.doubts),
            unfinished=self.unfinished,
        )


def judge_log(
    path: Path, profile: Profile, baseline: Path | None, say: Say, without: Sequence[str] = ()
) -> LogReport:
    """Judge a whole log, and against an older one where there is one; gates whose name begins `without` are left out.

    Raises:
        UsageError: a log cannot be read, or says nothing; or no gate has such a name.
        InvalidRun: nothing in one is of the service.
    """
    before, older = (None, None) if baseline is None else _counted(baseline, profile, say)
    counts, reading = _counted(path, profile, say)
    plan = monitoring_plan(profile.contract)
    gates = tuple(gate.judge(counts) for gate in plan if before is None or not isinstance(gate, Increases))
    logs = (counts,) if before is None else (before, counts)
    compared = () if before is None else compare(before, counts)
    asked, left_out = _asked((*gates, *compared), without)
    return LogReport(
        gates=tuple(without_turns(result, *logs) for result in asked),
        counts=counts,
        reading=reading,
        assumptions=(
            *assumptions(counts),
            *(() if before is None else _of_baseline(assumptions(before))),
            *(f"{name} is not asked: --without" for name in left_out),
        ),
        doubts=(*reading.doubts, *(() if older is None else _of_baseline(older.doubts))),
    )


def _asked(
    results: tuple[GateResult, ...], without: Sequence[str]
) -> tuple[tuple[GateResult, ...], tuple[str, ...]]:
    """The results that are asked for, and the names of those that are left out.

    Raises:
        UsageError: there is no gate whose name begins so, or none would be left.
    """
    names = [result.name for result in results]
    for start in without:
        if not start or not any(name.startswith(start) for name in names):
            raise UsageError(
                f"--without {start}: no gate's name begins so; there are: {', '.join(dict.fromkeys(names))}"
            )
    asked = tuple(result for result in results if not result.name.startswith(tuple(without)))
    if not asked:
        raise UsageError("--without leaves no gate: nothing would be judged")
    return asked, tuple(name for name in names if name.startswith(tuple(without)))


def _of_baseline(told: Iterable[str]) -> Iterator[str]:
    """The same, said of the older log."""
    return (f"of the baseline: {one}" for one in told)


class Following:
    """A log that is still written, judged as it grows."""

    def __init__(self, path: Path, profile: Profile, for_s: float | None) -> None:
        self._profile = profile
        self._ends_s = None if for_s is None else time.monotonic() + for_s
        self._live = LiveLog(contract=profile.contract)
        self._reading = follow(path, wait=self._wait)

    def watch(self, say: Say) -> None:
        """Count until it is decided, or the time is over.

        Raises:
            UsageError: it cannot be read.
        """
        for record in _said(self._reading, self._reading.path.name, say):
            self._live.add(record)
            if self._live.decided or self._over():
                return

    def report(self, why: str = "") -> LogReport:
        """The judgement by what was seen so far; `why` it was left, where it is not decided.

        Raises:
            InvalidRun: nothing that was seen is of the service.
        """
        counts = self._live.counts
        check_own(counts, self._reading.path, self._profile)
        return LogReport(
            gates=self._live.results(),
            counts=counts,
            reading=self._reading,
            assumptions=tuple(assumptions(counts)),
            doubts=tuple(self._reading.doubts),
            unfinished="" if self._live.decided else why,
        )

    def _wait(self) -> bool:
        """Wait for more lines; False where the time is over."""
        if self._over():
            return False
        time.sleep(LOOK_EVERY_S)
        return True

    def _over(self) -> bool:
        """Whether there is no time left."""
        return self._ends_s is not None and time.monotonic() >= self._ends_s


def assumptions(counts: LogCounts) -> Iterator[str]:
    """What was assumed of the log where the contract does not say it."""
    event, path = counts.contract.completion_event, counts.contract.turn_path
    if counts.turns.count:
        yield f"requests are the records {event} of {path}, or of no path"
    elif counts.others.count:
        yield f"requests are all records {event}: none is of {path}"
    else:
        yield f"requests are the access lines, if of {path}: no {event or 'completion event'} is in the log"
    yield "an error is a status of 500 or more, or a good answer that broke off"
    if doubtful := counts.ids.doubtful:
        yield f"{doubtful:,} ids of requests have lines of several sessions or statuses: each may be several requests"
    if counts.duration is not None and counts.completions.timed:
        yield f"the response time is {counts.duration}"


def check_own(counts: LogCounts, path: Path, profile: Profile) -> None:
    """Refuse a log in which nothing is of the service: it could only seem to be healthy.

    Raises:
        InvalidRun: it is another's.
    """
    if counts.own:
        return
    contract = profile.contract
    signs = " and no ".join(filter(None, (contract.completion_event, f"access line of {contract.turn_path}")))
    raise InvalidRun(
        f"{path}: nothing in its {counts.lines:,} records is of {profile.name}: no {signs}; "
        "give its own log, or --target for the service that wrote this one"
    )


def _counted(path: Path, profile: Profile, say: Say) -> tuple[LogCounts, Reading]:
    """A log, counted."""
    reading = read(path)
    counts = LogCounts.of(_said(reading, path.name, say), profile.contract)
    if not reading.records:
        raise UsageError(f"{path}: no line of it says anything; give the log of the service")
    check_own(counts, path, profile)
    return counts, reading


def _said(records: Iterable[LogRecord], name: str, say: Say) -> Iterator[LogRecord]:
    """The records, while it is said how far they are."""
    for number, record in enumerate(records):
        if number % SAID_EVERY == 0:
            say(f"{name}: {number:,} records")
        yield record

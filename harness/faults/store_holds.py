"""What must hold under a fault of the store beside the universal invariants."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus

from harness.history import WIRE, Exchange, FaultFired, History
from harness.reading import answered_ok, is_stream, met, of_fault
from harness.registry import oracle
from harness.verdict import Finding

DOWN, CORRUPT_ROW = "store.down", "store.corrupt_row"
_SECONDS = re.compile(r"[0-9]+")


@oracle("store.retry_after", witnesses={WIRE}, promises=("problem_media_type",))
def retry_after(history: History) -> Iterable[Finding]:
    """A 503 says when to come again: its Retry-After is whole seconds or an HTTP date (RFC 9110, 10.2.3).

    What was sent beside the turns may have been refused by the server itself, which promises no such thing.
    """
    for exchange in history.exchanges:
        if exchange.role == "beside" or exchange.status != HTTPStatus.SERVICE_UNAVAILABLE:
            continue
        said = exchange.headers.get("retry-after")
        if said is None:
            yield Finding(message="503 without a Retry-After", evidence=str(exchange))
        elif not (_SECONDS.fullmatch(said) or _is_date(said)):
            message = f"Retry-After is neither whole seconds nor an HTTP date: {said!r}"
            yield Finding(message=message, evidence=str(exchange))


@oracle("store.readiness_follows", witnesses={WIRE}, promises=("ready_path",))
def readiness_follows(history: History) -> Iterable[Finding]:
    """Whoever asks for the readiness while the store is down is told 503 at least once, and 200 at the last.

    The store is down from the first operation that failed to the last. Where nobody asks, there is nothing to judge.
    """
    fired_s = _fired_s(history, DOWN)
    asked = [one for one in history.exchanges if one.path == history.header.contract.ready_path]
    if not fired_s:
        return
    during = [one for one in asked if one.at_s <= fired_s[-1] and fired_s[0] <= one.ended_s]
    after = [one for one in asked if one.at_s > fired_s[-1]]
    if during and all(one.status != HTTPStatus.SERVICE_UNAVAILABLE for one in during):
        yield Finding(message="ready while the store was down", evidence=str(during[-1]))
    if after and after[-1].status != HTTPStatus.OK and not met(after[-1], history):
        yield Finding(message="not ready after the store was back", evidence=str(after[-1]))


@oracle("store.others_served", witnesses={WIRE}, promises=("sessions",))
def others_served(history: History) -> Iterable[Finding]:
    """Where rows of one session are damaged, every turn of the others is answered 200.

    A firing names what the damaged rows were asked by; where that is no session's id, nobody can tell whose they are.
    What the damaged session is answered is held to the contract by `outcome.status_in_contract`.
    """
    said = " ".join(one.detail for one in history.of(FaultFired) if of_fault(one.fault, CORRUPT_ROW))
    ids: dict[str, set[str]] = defaultdict(set)
    for turn in history.turns:
        ids[turn.session].add(turn.session_id or "")
    damaged = {label for label, known in ids.items() if any(one and repr(one) in said for one in known)}
    for turn in history.turns if damaged else ():
        excused = turn.role == "beside" or turn.left or met(turn, history)
        if turn.session not in damaged and not excused and not answered_ok(turn):
            message = f"session {turn.session} was not served, only session {', '.join(sorted(damaged))} was damaged"
            yield Finding(message=message, evidence=str(turn))


@oracle("store.same_answer", witnesses={WIRE}, promises=("sessions",))
def same_answer(history: History) -> Iterable[Finding]:
    """Whoever comes again with an idempotency key, and is answered 200, is answered as before."""
    first: dict[tuple[str, str], Exchange] = {}
    for turn in sorted(history.turns, key=lambda turn: turn.ended_s):
        key = turn.idempotency_key
        if key is None or not answered_ok(turn):
            continue
        before = first.setdefault((turn.session, key), turn)
        if turn.reply != before.reply or not (_streamed(turn, before) or turn.body == before.body):
            message = f"another answer under the same key as request {before.request_id}"
            yield Finding(message=message, evidence=str(turn))


def _streamed(*turns: Exchange) -> bool:
    """Whether any of them came as a stream, which may be cut into events in another way."""
    return any(is_stream(turn) for turn in turns)


def _fired_s(history: History, fault: str) -> list[float]:
    """When a fault fired, under whichever number it is declared."""
    return sorted(one.at_s for one in history.of(FaultFired) if of_fault(one.fault, fault))


def _is_date(text: str) -> bool:
    """Whether it is a date as HTTP writes one."""
    try:
        datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True

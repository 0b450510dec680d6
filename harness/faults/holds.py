"""What must hold under a fault beside the universal invariants, for any service that promises what it takes to tell."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from harness.faults.base import HTML
from harness.history import LOGS, PROVIDER, SNAPSHOTS, WIRE, Exchange, History, Outage, Snapshot, UpstreamCall
from harness.reading import PAUSED, answered_ok, key_marks, marks_in, samples, shaped
from harness.registry import Invariant, oracle
from harness.verdict import Finding

_LITERAL = re.compile(r"[:\[,]\s*-?(NaN|Infinity)\b")


def never_taken(fault: str) -> Invariant:
    """The oracle that what `fault` made of an answer was never given out as the answer of the primary level."""

    @oracle(f"{fault}.never_taken", witnesses={WIRE, PROVIDER}, promises=("primary_method", "request_ids"))
    def check(history: History) -> Iterable[Finding]:
        """A turn whose every provider call was spoilt is not answered as if one had been whole."""
        primary = history.header.contract.primary_method
        for turn in history.turns:
            calls = [call for call in history.calls if call.request_id == turn.request_id]
            first = [call for call in calls if call.level == "conversation"]
            if first and all(shaped(call, fault) for call in first) and _method(turn) == primary:
                yield Finding(message=f"answered by {primary}, which had no whole answer", evidence=str(turn))

    return check


def never_whole(fault: str) -> Invariant:
    """The oracle that a part of an answer, which is all that `fault` lets through, is not given out as the whole."""

    @oracle(f"{fault}.never_whole", witnesses={WIRE, PROVIDER}, promises=("reply_pointer",))
    def check(history: History) -> Iterable[Finding]:
        """What was cut is not given out to its end as the answer, nor told to the provider later as if it had been one.

        Nor does it stand before the whole of a call that was made again for it.
        """
        for turn in history.turns:
            asked = [call for call in history.calls if turn.canary and _asks(call, turn.canary)]
            part = (turn.reply or "").strip()
            if answered_ok(turn) and _is_joined(part, asked, fault):
                message = f"answered with a part and then the whole: {part!r}"
                yield Finding(message=message, evidence=str(turn))
            if not (asked and part and all(shaped(call, fault) for call in asked) and answered_ok(turn)):
                continue
            meant = [text for call in asked for text in _meant(call)]
            if any(part in text and part != text.strip() for text in meant):
                yield Finding(message=f"answered with a part as if it were all: {part!r}", evidence=str(turn))
        cut = {text for call in history.calls if shaped(call, fault) for text in _meant(call)}
        for call in history.calls:
            told = {str(said.get("content")) for said in call.messages if said.get("role") == "assistant"}
            for part in (part for part in told if any(_begins(text, part) for text in cut)):
                yield Finding(message=f"told of a part as if it had been all: {part!r}", evidence=str(call))

    return check


def alarmed(fault: str) -> Invariant:
    """The oracle that whoever runs the service is told of each answer of `fault`, which only they can mend."""

    @oracle(f"{fault}.alarmed", witnesses={SNAPSHOTS, PROVIDER}, promises=("alarm_metrics",))
    def check(history: History) -> Iterable[Finding]:
        """The alarm has counted each call that was refused for good; what a process had counted is lost with it."""
        pages = [one for one in history.of(Snapshot) if one.name == "metrics"]
        if any(outage.how != PAUSED for outage in history.of(Outage)) or not all(
            page.status == HTTPStatus.OK for page in pages
        ):
            return
        left = {one.request_id for one in history.turns if one.left or not one.own}
        refused = sum(
            shaped(call, fault) and call.outcome == "answered" and call.request_id not in left
            for call in history.calls
        )
        metrics = history.header.contract.alarm_metrics
        counted = sum(sum(samples(one, metric)) for one in pages for metric in metrics)
        if counted < refused:
            message = f"the provider refused {refused} calls for good, and the alarm has counted {counted:g}"
            yield Finding(message=message, evidence=f"snapshot metrics, {', '.join(metrics)}")

    return check


def called_once(fault: str) -> Invariant:
    """The oracle that nobody calls again, for the same request and level, where `fault` is an answer for good."""

    @oracle(f"{fault}.called_once", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
    def check(history: History) -> Iterable[Finding]:
        """An answer that no retry will mend is not asked for again."""
        spoilt = Counter(
            (call.request_id, call.level) for call in history.calls if call.request_id and shaped(call, fault)
        )
        sent = Counter(exchange.request_id for exchange in history.exchanges)
        for (request_id, level), count in spoilt.items():
            if count > max(1, sent[request_id]):
                message = f"{count} calls of level {level}, though no retry could mend the first"
                yield Finding(message=message, evidence=f"request {request_id}")

    return check


@oracle("provider.no_error_page", witnesses={WIRE})
def no_error_page(history: History) -> Iterable[Finding]:
    """The web page that a proxy put in the provider's place is in no answer."""
    page = HTML.decode().strip()
    for exchange in history.exchanges:
        if page in _said(exchange):
            yield Finding(message="the answer holds the provider's error page", evidence=str(exchange))


@oracle("provider.no_empty_answer", witnesses={WIRE}, promises=("reply_pointer",))
def no_empty_answer(history: History) -> Iterable[Finding]:
    """A turn that is answered 200 has something in its reply."""
    for turn in history.turns:
        if answered_ok(turn) and not (turn.reply or "").strip():
            yield Finding(message="answered 200 with nothing in the reply", evidence=str(turn))


@oracle("provider.only_numbers", witnesses={WIRE})
def only_numbers(history: History) -> Iterable[Finding]:
    """No answer of JSON holds NaN or an infinity, which JSON does not have (RFC 8259)."""
    for exchange in history.exchanges:
        media = exchange.headers.get("content-type", "")
        unparsed = exchange.body if isinstance(exchange.body, str) else ""
        if "json" in media and (_LITERAL.search(unparsed) or not _finite(exchange.body)):
            yield Finding(message="the answer holds a number that JSON does not have", evidence=str(exchange))


@oracle("provider.own_answer", witnesses={WIRE}, promises=("reply_pointer",))
def own_answer(history: History) -> Iterable[Finding]:
    """No turn is answered with the very reply of another turn of its session, and that one's canary in it.

    What another session was told is in no answer either: that is `sessions.answers_not_crossed`.
    """
    same: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for turn in history.turns:
        if turn.reply:
            same[turn.session, turn.reply].append(turn)
    for (_, reply), turns in same.items():
        canaries = {turn.canary for turn in turns if turn.canary and turn.canary in reply}
        for turn in turns:
            for canary in canaries - {turn.canary}:
                message = f"answered with what an earlier turn was told: {canary}"
                yield Finding(message=message, evidence=str(turn))


@oracle("provider.secret_kept", witnesses={WIRE, LOGS, PROVIDER})
def secret_kept(history: History) -> Iterable[Finding]:
    """The key that the provider's error repeats is in no log line and in no answer.

    The history does not hold the key, but in the headers of each call a mark that tells it from any other word.
    """
    marks = key_marks(history)
    for record in history.logs:
        if marks & marks_in(record.text):
            yield Finding(
                message="the log holds the provider's key", evidence=f"{record.source} log line {record.line}"
            )
    for exchange in history.exchanges:
        if marks & marks_in(f"{_said(exchange)} {json.dumps(dict(exchange.headers))}"):
            yield Finding(message="the answer holds the provider's key", evidence=str(exchange))


def _method(turn: Exchange) -> Any:
    """The level that an answer names: in its object, or in that of its last event where it came as a stream."""
    last = turn.body[-1] if isinstance(turn.body, list) and turn.body else None
    said = last.get("data") if isinstance(last, dict) else turn.body
    return said.get("method") if isinstance(said, dict) else None


def _finite(value: Any) -> bool:
    """Whether every number in parsed JSON is one."""
    if isinstance(value, dict | list):
        return all(_finite(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _said(exchange: Exchange) -> str:
    """The body of an answer as text."""
    return exchange.body if isinstance(exchange.body, str) else json.dumps(exchange.body, ensure_ascii=False)


def _begins(text: str, part: str) -> bool:
    """Whether a part is the beginning of a text, and not all of it."""
    return bool(part.strip()) and text.startswith(part.strip()) and part.strip() != text.strip()


def _meant(call: UpstreamCall) -> Iterable[str]:
    """What the answer to a call was to say: its content, and each text in it where that is an object."""
    try:
        found = json.loads(call.text or "")
    except ValueError:
        found = None
    inner = found.values() if isinstance(found, dict) else ()
    return [text for text in (call.text, *inner) if text and isinstance(text, str)]


def _is_joined(reply: str, asked: list[UpstreamCall], fault: str) -> bool:
    """Whether a reply is the beginning of what one call was cut in, and behind it all that another one said."""
    wholes = {text.strip() for call in asked if not shaped(call, fault) for text in _meant(call)}
    if reply in wholes:
        return False
    longest = max((text for text in wholes if text in reply), key=len, default="")
    lead = reply.partition(longest)[0].strip() if longest else ""
    cut_off = (text.strip() for call in asked if shaped(call, fault) for text in _meant(call))
    return bool(lead) and any(text.startswith(lead) for text in cut_off)


def _asks(call: UpstreamCall, canary: str) -> bool:
    """Whether a call is for the message with the canary: its last one."""
    return bool(call.messages) and canary in str(call.messages[-1].get("content"))

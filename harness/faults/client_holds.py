"""What must hold under a fault of the client's plane beside the universal invariants, for any service."""

import re
from collections import defaultdict
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from harness.faults.client_base import FOREIGN, HELD, ODD_ID, long_header
from harness.history import LOGS, PROVIDER, WIRE, Exchange, History, Outage
from harness.reading import answered_ok, of_fault
from harness.registry import Invariant, oracle
from harness.verdict import Finding

_ID = re.compile(r"[\w.:/+=@~-]{1,256}", re.ASCII)
_ID_BYTES_MAX = 256
_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_OF_CLIENTS = "client."
FLOOD, PARALLEL = "client.flood", "client.parallel_turns"


@oracle("client.one_answer", witnesses={WIRE})
def one_answer(history: History) -> Iterable[Finding]:
    """Under one key all that is answered 200 is the same turn: of one session, with one number and one reply.

    Its own id, and how long it took, may differ.
    """
    for turns in _under_key(history).values():
        if len({repr(_answer(turn)) for turn in turns if answered_ok(turn)}) > 1:
            message = f"{len(turns)} requests under one key have answers that differ"
            yield Finding(message=message, evidence=str(turns[-1]))


@oracle("client.one_effect", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def one_effect(history: History) -> Iterable[Finding]:
    """What came twice under one key is in the session's history once, by what the provider is told later.

    A service that always tells a message so often has told it so in the first call for it.
    """
    for turns in _under_key(history).values():
        canary = turns[0].canary
        if canary is None or len(turns) == 1:
            continue
        told = [
            (_told(call.messages, canary), call) for call in history.calls if call.level == "conversation"
        ]
        told = [(count, call) for count, call in told if count]
        for count, call in told:
            if count > told[0][0]:
                message = f"sent twice under one key, and held twice: the provider is told {count} times of {canary}"
                yield Finding(message=message, evidence=str(call))


@oracle("client.one_is_held", witnesses={WIRE})
def one_is_held(history: History) -> Iterable[Finding]:
    """Of the turns of one session that came at once, one at least is held; so somebody gets on, whoever must wait.

    Where something beside the clients is broken as well, nothing is asked.
    """
    if not _only_clients(history):
        return
    for turn in history.turns:
        if turn.role != "turn" or turn.left:
            continue
        at_once = [turn, *(one for one in _beside(history, PARALLEL) if _overlap(turn, one))]
        if len(at_once) > 1 and not any(one.status in HELD for one in at_once):
            message = f"of {len(at_once)} turns of session {turn.session} that came at once, none was held"
            yield Finding(message=message, evidence=str(turn))


@oracle("client.some_served", witnesses={WIRE})
def some_served(history: History) -> Iterable[Finding]:
    """Of all who come in a flood, one at least is served: who sheds everybody has no service.

    Where something beside the clients is broken as well, nothing is asked.
    """
    own = {turn.session for turn in history.turns if turn.role != "beside"}
    strangers = [one for one in _beside(history, FLOOD) if one.session not in own]
    if strangers and _only_clients(history) and not any(one.status in HELD for one in strangers):
        message = f"none of {len(strangers)} that came in a flood was served"
        yield Finding(message=message, evidence=str(strangers[-1]))


@oracle("client.told_to_wait", witnesses={WIRE}, promises=("problem_media_type",))
def told_to_wait(history: History) -> Iterable[Finding]:
    """Who is not served in a crowd is told 409, or 429 or 503 with a Retry-After (RFC 9110 10.2.3): seconds, or a date.

    409 is for the session that is in use, and no stranger has one.
    """
    own = {turn.session for turn in history.turns if turn.role != "beside"}
    for one in _beside(history, PARALLEL, FLOOD):
        if one.status in _LATER and not _is_time(one.headers.get("retry-after", "")):
            yield Finding(message=f"{one.status} that says not when to come again", evidence=str(one))
        elif one.status in (None, *HELD, *_LATER) or (
            one.status == HTTPStatus.CONFLICT and one.session in own
        ):
            continue
        else:
            yield Finding(message=f"{one.status} is no way to be told to wait", evidence=str(one))


def too_large(fault: str, size_bytes: int) -> Invariant:
    """The oracle that a body above the promised limit is refused as such: `fault` sends one of so many bytes, and more."""

    @oracle(f"{fault}.too_large", witnesses={WIRE}, promises=("body_bytes_max",))
    def check(history: History) -> Iterable[Finding]:
        """A body above the limit is answered 413, whatever its header says of its length."""
        limit = history.header.contract.body_bytes_max
        for one in _beside(history, fault):
            wrong = one.status not in (None, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if limit is not None and size_bytes > limit and wrong:
                message = f"{one.status} to more than {size_bytes} bytes, 413 promised above {limit}"
                yield Finding(message=message, evidence=str(one))

    return check


@oracle("client.unknown_session", witnesses={WIRE}, promises=("unknown_session_status",))
def unknown_session(history: History) -> Iterable[Finding]:
    """A turn of a session that nobody was given is answered as promised, and none is made of that name in silence."""
    promised = history.header.contract.unknown_session_status
    for one in history.exchanges:
        if one.role == "beside" and one.expected == FOREIGN and one.status not in (None, promised):
            message = f"{one.status} in a session that nobody was given, {promised} promised"
            yield Finding(message=message, evidence=str(one))


@oracle("client.id_replaced", witnesses={WIRE}, promises=("request_ids",))
def id_replaced(history: History) -> Iterable[Finding]:
    """No answer is under an id that a log could take for its own text, or that is as long as one: it is replaced."""
    for one in history.exchanges:
        returned = one.headers.get("x-request-id")
        if returned is not None and not _ID.fullmatch(returned):
            message = f"answered under an id of {len(returned)} characters that should have been replaced"
            yield Finding(message=message, evidence=f"{one.method} {one.path} -> {one.status}")


def not_logged(size_bytes: int) -> Invariant:
    """The oracle that what a header of so many bytes says is no part of the log."""
    long = long_header(size_bytes)

    @oracle("client.not_logged", witnesses={LOGS}, promises=("request_ids",))
    def check(history: History) -> Iterable[Finding]:
        """What a header says stands in no log line as it came, and in none at its full length, if that is too long."""
        for record in history.logs:
            whole = size_bytes > _ID_BYTES_MAX and long in record.text
            if ODD_ID in record.text or whole or record.request_id == ODD_ID:
                yield Finding(
                    message="the log has what a client's header said as its own", evidence=str(record)
                )

    return check


def _beside(history: History, *faults: str) -> list[Exchange]:
    """What these faults sent, under whichever number they are declared."""
    return [one for one in history.exchanges if of_fault(one.fault, *faults)]


def _under_key(history: History) -> dict[tuple[str, str, str | None], list[Exchange]]:
    """The turns that came under a key, by their session, the key, and what they say."""
    found: dict[tuple[str, str, str | None], list[Exchange]] = defaultdict(list)
    for turn in history.turns:
        if (key := turn.idempotency_key) is not None:
            found[turn.session, key, turn.message].append(turn)
    return found


def _answer(turn: Exchange) -> tuple[Any, ...]:
    """What of an answer is the turn's, and not the request's: its session, its number, its reply."""
    last = turn.body[-1] if isinstance(turn.body, list) and turn.body else None
    said = last.get("data") if isinstance(last, dict) else turn.body
    return turn.session_id, said.get("turn") if isinstance(said, dict) else None, turn.reply


def _told(messages: Iterable[Any], canary: str) -> int:
    """In how many of the user's messages there is a canary."""
    return sum(one.get("role") == "user" and canary in str(one.get("content")) for one in messages)


def _overlap(turn: Exchange, other: Exchange) -> bool:
    """Whether both belong to one session and were under way at once."""
    return turn.session == other.session and turn.at_s <= other.ended_s and other.at_s <= turn.ended_s


def _only_clients(history: History) -> bool:
    """Whether nothing but the clients was broken."""
    declared = history.header.declared
    return all(name.startswith(_OF_CLIENTS) for name in declared) and not history.of(Outage)


def _is_time(text: str) -> bool:
    """Whether it is a number of seconds, or a date (RFC 9110, 5.6.7)."""
    try:
        return text.isdigit() or parsedate_to_datetime(text) is not None
    except ValueError:
        return False

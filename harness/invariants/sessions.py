"""What was kept: every acknowledged turn, in order, and what the provider was told of it."""

from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from harness.history import PROVIDER, SNAPSHOTS, WIRE, Exchange, History, Snapshot, UpstreamCall
from harness.reading import answered_ok, ends, field, outlived
from harness.registry import invariant
from harness.verdict import Finding


@invariant("sessions.history_preserved", witnesses={WIRE, PROVIDER}, promises=("sessions",))
def history_preserved(history: History) -> Iterable[Finding]:
    """The provider is sent every earlier acknowledged message of the session, in order, and no other session's canary.

    A turn is before another that began after its answer; of two that overlapped, either may come first.

    A call belongs to the turn whose request id it carries; without one, to a turn that says the same at that time.
    Where several do, it is enough that it tells the history of one of them. A contract may bound how much is told, and
    a session that does not outlive its process is told of from its last one on.
    """
    acknowledged, most = _acknowledged(history), history.header.contract.history_turns_max
    words = _words(history)
    for call in history.calls:
        told = [str(message.get("content")) for message in call.messages if message.get("role") == "user"]
        turns = _turns_of(call, told, history)
        dues = [_due(acknowledged[turn.session], turn, call, history) for turn in turns]
        if turns and not any(_in_order(due, told[:-1]) for due in dues):
            yield Finding(message=_untold(turns[0], dues[0], told[:-1], most), evidence=str(call))
        sessions = {turn.session for turn in turns}
        for canary, owners in words.items():
            if turns and not owners & sessions and any(canary in text for text in told):
                message = f"session {turns[0].session} was told of session {', '.join(sorted(owners))}"
                yield Finding(message=message, evidence=str(call))


@invariant("sessions.acknowledged_turns_kept", witnesses={WIRE, SNAPSHOTS})
def acknowledged_turns_kept(history: History) -> Iterable[Finding]:
    """What is stored of a session is what was acknowledged: each turn once, in order, nothing foreign, nothing half.

    Of one that does not outlive its process only what the last one acknowledged is asked for.
    """
    acknowledged = _acknowledged(history)
    for snapshot in history.of(Snapshot):
        kind, _, label = snapshot.name.partition(":")
        if kind != "session":
            continue
        evidence = f"snapshot {snapshot.name} at {snapshot.at_s:.3f} s"
        turns = acknowledged[label]
        last_id = turns[-1].session_id if turns else None
        kept = [turn for turn in turns if outlived(turn, last_id, snapshot.at_s, history)]
        if turns and not kept:
            continue
        if snapshot.status != HTTPStatus.OK or not isinstance(snapshot.data, dict):
            yield Finding(message=f"session {label} cannot be read: {snapshot.status}", evidence=evidence)
            continue
        stored = snapshot.data.get("turns", [])
        same = _same(kept, history)
        stored = [
            {**turn, "request_id": same.get(str(turn.get("request_id")), turn.get("request_id"))}
            for turn in stored
        ]
        for complaint in _differences(stored, kept, _sent(history, label)):
            yield Finding(message=f"session {label}: {complaint}", evidence=evidence)


@invariant("sessions.turns_counted", witnesses={WIRE}, promises=("sessions",))
def turns_counted(history: History) -> Iterable[Finding]:
    """No two turns of a session have one number, none is higher than the turns that were sent, and the session stays one.

    One that does not outlive its process begins anew with the next, and turns that come at once may each begin it.
    """
    outlives = history.header.contract.sessions_outlive
    gaps = [] if outlives else ends(history.records)
    for label, turns in _acknowledged(history).items():
        for life in _lives(turns, gaps):
            numbers = sorted(number for turn in life if isinstance(number := field(turn, "turn"), int))
            if len(set(numbers)) != len(numbers) or any(
                number > len(_sent(history, label)) for number in numbers
            ):
                yield Finding(message=f"session {label}: turns numbered {numbers}", evidence=str(life[-1]))
        if (moved := _moved(turns, gaps)) is not None:
            yield Finding(message=f"session {label}: answered under several session ids", evidence=str(moved))


def _lives(turns: list[Exchange], gaps: list[tuple[float, float]]) -> Iterable[list[Exchange]]:
    """The turns of a session that one process counts together; those in a gap are left out, since nobody knows whose they are."""
    lives: dict[tuple[int, str | None], list[Exchange]] = defaultdict(list)
    for turn in turns:
        if not any(from_s <= turn.at_s <= until_s for from_s, until_s in gaps):
            life = sum(until_s < turn.at_s for _, until_s in gaps)
            lives[life, turn.session_id if life else None].append(turn)
    return lives.values()


def _moved(turns: list[Exchange], gaps: list[tuple[float, float]]) -> Exchange | None:
    """A turn that was answered under another id than its session had by then; of those begun at once, it may be any."""
    first = [turn for turn in turns if not any(from_s <= turn.at_s for from_s, _ in gaps)]
    if len({turn.session_id for turn in first} - {None}) > 1:
        return first[-1]
    for turn in turns:
        gap = max(((from_s, until_s) for from_s, until_s in gaps if from_s <= turn.at_s), default=None)
        if gap is None:
            continue
        earlier = [one for one in turns if gap[0] <= one.at_s and one.ended_s <= turn.at_s]
        # What was answered in between may be of either process.
        is_anew = any(one.at_s > gap[1] for one in earlier)
        named = {one.session_id for one in earlier}
        # What is sent twice, under the id that went, may begin two; golden turns say the same, and are not one turn.
        same = ((one.step, one.message) == (turn.step, turn.message) for one in earlier)
        is_again = turn.role == "turn" and any(same)
        if (
            is_anew
            and not is_again
            and None not in {turn.session_id, *named}
            and turn.session_id not in named
        ):
            return turn
    return None


@invariant("sessions.answers_not_crossed", witnesses={WIRE})
def answers_not_crossed(history: History) -> Iterable[Finding]:
    """No answer to a turn holds a word of another session; words of its own session may be in it, whenever they were said.

    Only turns that carry a canary can show it. A request beside the turns is judged where it is known what it says: one
    that is broken on purpose may be told its own words.
    """
    words = _words(history)
    for turn in history.turns:
        text = f"{turn.reply} {turn.body}"
        for canary, owners in words.items():
            if turn.message is not None and turn.session not in owners and canary in text:
                message = f"session {turn.session} was answered with the word of session {', '.join(sorted(owners))}"
                yield Finding(message=message, evidence=str(turn))


def _words(history: History) -> dict[str, set[str]]:
    """The canaries of the run, each with the sessions in which it was said: what is sent twice may open two."""
    found: dict[str, set[str]] = defaultdict(set)
    for turn in history.turns:
        if turn.canary:
            found[turn.canary].add(turn.session)
    return found


def _turns_of(call: UpstreamCall, told: list[str], history: History) -> list[Exchange]:
    """The turns that may have made the call; none for a call that is told one message only by its level."""
    if call.level != "conversation":
        return []
    if history.header.contract.request_ids:
        return [turn for turn in history.turns if turn.request_id == call.request_id]
    return [
        turn
        for turn in history.turns
        if turn.at_s <= call.at_s <= turn.ended_s and told and _message(turn) in told[-1]
    ]


def _due(
    acknowledged: list[Exchange], turn: Exchange, call: UpstreamCall, history: History
) -> list[Exchange]:
    """The turns that a call of a turn has to tell: those acknowledged before that began, the last of them where that is bounded.

    When the call came to the provider says less: on a slow machine that may be after its own turn was answered. A turn
    that was not acknowledged may be stored all the same, and is then one of the last.
    """
    ended = [one for one in acknowledged if one.ended_s < call.at_s]
    earlier = [
        one
        for one in ended
        if one.ended_s <= turn.at_s and one is not turn and outlived(one, turn.session_id, call.at_s, history)
    ]
    most = history.header.contract.history_turns_max
    if most is None:
        return earlier
    others = [one for one in history.turns if one.session == turn.session and one.at_s < call.at_s]
    return [one for one in earlier if sum(_may_follow(other, one, turn) for other in others) < most]


def _may_follow(other: Exchange, one: Exchange, turn: Exchange) -> bool:
    """Whether another turn of a session, but the one that is under way, may be stored after one.

    Who had no answer does not know when: what it asked for may go on behind it.
    """
    may_be_later = other.ended_s > one.at_s or not answered_ok(other)
    return other is not one and other is not turn and may_be_later


def _untold(turn: Exchange, due: list[Exchange], told: list[str], most: int | None) -> str:
    """What a turn should have told and did not; and where a service means to tell the last only, how it says so."""
    missing = [_message(one) for one in due if _message(one) not in told]
    first = f", not {missing[0]!r}" if missing else ", in another order"
    last = missing and told and most is None and told == [_message(one) for one in due][-len(told) :]
    meant = "; where only the last are to be told, promise history_turns_max in [contract]" if last else ""
    return f"turn {len(due) + 1} of session {turn.session}: {len(due)} earlier messages due, {len(told)} told{first}{meant}"


def _acknowledged(history: History) -> dict[str, list[Exchange]]:
    """By session, the turns that were answered with a whole 200 and are no replay, in the order of their answers."""
    found: dict[str, list[Exchange]] = defaultdict(list)
    seen: set[tuple[str, Any]] = set()
    for turn in sorted(history.turns, key=lambda turn: turn.ended_s):
        key = (turn.session, turn.idempotency_key)
        if answered_ok(turn) and (key[1] is None or key not in seen):
            seen.add(key)
            found[turn.session].append(turn)
    return found


def _sent(history: History, label: str) -> list[str]:
    """Every message that was sent to the session, acknowledged or not."""
    return [_message(turn) for turn in history.turns if turn.session == label]


def _same(acknowledged: list[Exchange], history: History) -> dict[str, str]:
    """The ids of all requests under the key of an acknowledged turn, each with that turn's: one may have held it before."""
    turns = {
        (turn.session, key): turn.request_id
        for turn in acknowledged
        if (key := turn.idempotency_key) is not None
    }
    return {
        turn.request_id: turns[turn.session, key]
        for turn in history.turns
        if (key := turn.idempotency_key) and (turn.session, key) in turns
    }


def _differences(
    stored: list[dict[str, Any]], acknowledged: list[Exchange], sent: list[str]
) -> Iterable[str]:
    """What is wrong with the stored turns."""
    by_request = {str(turn.get("request_id")): turn for turn in stored}
    for exchange in acknowledged:
        turn = by_request.get(exchange.request_id)
        if turn is None:
            yield f"the acknowledged turn of {exchange} is not stored"
        elif (turn.get("message"), turn.get("response")) != (
            _message(exchange),
            field(exchange, "response"),
        ):
            yield f"the turn of {exchange} is stored with another content"
    ids = [str(turn.get("request_id")) for turn in stored]
    due = [
        exchange.request_id for exchange in sorted(acknowledged, key=lambda turn: field(turn, "turn") or 0)
    ]
    if [one for one in ids if one in due] != [one for one in due if one in ids] or len(set(ids)) != len(ids):
        yield f"the turns of requests {due} are stored as those of {ids}"
    numbers = [turn.get("turn") for turn in stored]
    if numbers != list(range(1, len(stored) + 1)):
        yield f"turns are stored as {numbers}"
    for turn in stored:
        if turn.get("message") not in sent:
            yield f"stored turn {turn.get('turn')} was never sent to it"


def _in_order(due: list[Exchange], told: list[str]) -> bool:
    """True when the message of every turn that is due was told, none before that of a turn which had ended first."""
    left = list(due)
    for text in told:
        began_s = min((turn.ended_s for turn in left), default=0.0)
        following = (turn for turn in left if _message(turn) == text and turn.at_s <= began_s)
        if (turn := next(following, None)) is not None:
            left.remove(turn)
    return not left


def _message(turn: Exchange) -> str:
    """The message as the service keeps it: stripped."""
    return (turn.message or "").strip()

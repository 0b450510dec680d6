"""What can be said of a profile from one conversation that was held by it: pure, from a history to its points."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from harness.history import PROVIDER, Exchange, History
from harness.targets.mistakes import KEYS
from harness.targets.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One part of a profile: whether it was found, whether that is wrong, and what is to be done or was seen."""

    what: str
    found: bool
    said: str
    wrong: bool = False


def points(history: History, profile: Profile) -> tuple[Point, ...]:
    """All points, in the order in which one would mend them."""
    turns = [turn for turn in history.turns if turn.role == "turn"]
    return (
        *_answered(turns, profile),
        *_pointed(turns, profile),
        *_provider(history, turns, profile),
        *_logged(history, profile),
        *_promised(profile),
    )


def _answered(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether a turn is answered at all."""
    first = turns[0]
    fine = first.status == HTTPStatus.OK
    key = None if first.status is None else KEYS.get(HTTPStatus(first.status))
    hint = "" if fine or key is None else f"; mend [turn] {key} ({profile.at(f'turn.{key}')})"
    yield Point(what="turn", found=fine, wrong=not fine, said=f"{first}{hint}")


def _pointed(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether the pointers find something in the answers."""
    template = profile.turn
    if template.holds_sessions and template.session:
        found = turns[0].session_id
        said = (
            f"{found}"
            if found
            else f"nothing at {template.session}; mend [turn] session ({profile.at('turn.session')})"
        )
        yield Point(what="session", found=found is not None, wrong=found is None, said=said)
    elif not template.holds_sessions:
        yield Point(what="session", found=False, said="the body holds no {session}: each turn stands alone")
    if template.reply is None:
        yield Point(
            what="reply", found=False, said="[turn] reply names no pointer: an empty reply is not seen"
        )
    else:
        text = turns[0].reply
        said = (
            text[:80]
            if text
            else f"nothing at {template.reply}; mend [turn] reply ({profile.at('turn.reply')})"
        )
        yield Point(what="reply", found=bool(text), wrong=not text, said=said)


def _provider(history: History, turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether the simulated provider was asked, and told of the conversation."""
    if PROVIDER not in history.header.witnesses:
        yield Point(what="provider", found=False, said="it has none that the harness could stand for")
        return
    asked = len(history.calls)
    said = (
        f"{asked} calls"
        if asked
        else f"never asked: is {profile.provider_variable} the variable that it reads? ({profile.at('provider_variable')})"
    )
    yield Point(what="provider", found=asked > 0, wrong=not asked, said=said)
    if profile.turn.holds_sessions and asked and len(turns) > 1:
        first = turns[0].canary or ""
        later = [call for call in history.calls if call.at_s >= turns[1].at_s]
        told = any(first in str(message.get("content")) for call in later for message in call.messages)
        yield Point(
            what="history",
            found=told,
            wrong=not told,
            said="told with later turns" if told else "a later turn did not tell the provider of the first",
        )


def _logged(history: History, profile: Profile) -> Iterator[Point]:
    """Whether its log can be read."""
    lines = [record for record in history.logs if record.source != "stderr"]
    unknown = sum(record.event is None and not record.fields for record in lines)
    errors = len(history.logs) - len(lines)
    hint = f", {errors} on standard error" if errors else ""
    hint += "" if history.logs else f"; where does it write? log = ... ({profile.at('log')})"
    yield Point(
        what="log", found=bool(history.logs), said=f"{len(lines)} lines, {unknown} of no known form{hint}"
    )


def _promised(profile: Profile) -> Iterator[Point]:
    """What the profile leaves out, and what is not judged for it."""
    left_out = {
        "health": (profile.health, "nobody sees whether it stays well under a fault"),
        "state": (profile.turn.state, "what it keeps is seen only in what the provider is told"),
        "request_ids": (profile.contract.request_ids, "its calls and log lines are matched by time alone"),
        "keys": (profile.turn.keys, "no turn is sent twice under an idempotency key"),
    }
    for what, (given, otherwise) in left_out.items():
        yield Point(what=what, found=bool(given), said="" if given else otherwise)

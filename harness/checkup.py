"""What can be said of a profile from one conversation that was held by it: pure, from a history to its points."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from harness.history import LOGS, PROVIDER, Exchange, History, Snapshot
from harness.reading import is_stream
from harness.scenario import CANARY, Request, Scenario, Turn
from harness.targets.mistakes import KEYS, broke_off, nothing_opened, tells_store
from harness.targets.profile import Profile
from harness.targets.sought import EntrySought, Sought, WorkerSought

READY = (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE)
"""What a service may answer that is asked whether it can take work."""


NO_ANSWER = "no such turn was answered with a 200, in full"
"""What is said of what only a good answer can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One part of a profile: whether it was found, whether that is wrong, and what is to be done or was seen."""

    what: str
    found: bool
    said: str
    wrong: bool = False


def conversation(profile: Profile) -> Scenario:
    """What is to be held: three turns, and a look at what else the profile names."""
    return Scenario(
        name="profile_check",
        steps=(
            Turn(session="a", message=f"Remember {CANARY}, please."),
            Turn(session="a", message=f"What about {CANARY}?"),
            Turn(session="a", message=f"And {CANARY}?", stream=True),
            *([Request(path=profile.ready)] if profile.ready else []),
        ),
        golden_turns=1,
        faults=tuple(_sought(profile)) if profile.app else (),
    )


def _sought(profile: Profile) -> Iterator[Sought]:
    """What is to be looked for within its process."""
    if profile.worker:
        yield WorkerSought(what=profile.worker)
    if profile.sync_entry:
        yield EntrySought(what=profile.sync_entry)


def points(history: History, profile: Profile) -> tuple[Point, ...]:
    """All points, in the order in which one would mend them."""
    turns = [turn for turn in history.turns if turn.role == "turn"]
    return (
        *_answered(turns, profile),
        *_pointed(turns, profile),
        *_provider(history, turns, profile),
        *_logged(history, profile),
        *_completed(history, profile),
        *_identified(turns, profile),
        *_streamed(turns, profile),
        *_ready(history, profile),
        *_stored(history, profile),
        *_within(history, profile),
        *_kept(history, profile),
        *_promised(profile),
    )


def _answered(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether a turn is answered at all."""
    first = next((turn for turn in turns if not _is_answered(turn)), turns[0])
    fine = _is_answered(first)
    key = KEYS[HTTPStatus(first.status)] if first.status in KEYS else None
    hint = "" if fine or key is None else f"; mend [turn] {key} ({profile.at(f'turn.{key}')})"
    if broke_off(first):
        hint = f"; it broke off ({first.error or 'event: error'}), which is the service's to mend"
    yield Point(what="turn", found=fine, wrong=not fine, said=f"{first}{hint}")


def _pointed(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether the pointers find something in the answers."""
    template, first = profile.turn, next(filter(_is_answered, turns), None)
    if not template.holds_sessions:
        yield Point(what="session", found=False, said="the body holds no {session}: each turn stands alone")
    elif template.session:
        wrong = f"nothing at {template.session}; mend [turn] session ({profile.at('turn.session')})"
        yield _at_pointer("session", first, None if first is None else first.session_id, wrong)
    if template.reply is None:
        yield Point(
            what="reply", found=False, said="[turn] reply names no pointer: an empty reply is not seen"
        )
    else:
        wrong = f"nothing at {template.reply}; mend [turn] reply ({profile.at('turn.reply')})"
        yield _at_pointer("reply", first, None if first is None else first.reply, wrong)


def _at_pointer(what: str, turn: Exchange | None, found: str | None, wrong: str) -> Point:
    """What a pointer found in the first turn that was answered with a 200, if there was one."""
    if turn is None:
        return Point(what=what, found=False, said=NO_ANSWER)
    return Point(what=what, found=bool(found), wrong=not found, said=found[:80] if found else wrong)


def _provider(history: History, turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether the simulated provider was asked, and told of the conversation."""
    if PROVIDER not in history.header.witnesses:
        yield Point(what="provider", found=False, said="it has none that the harness could stand for")
        return
    asked = len(history.calls)
    if not asked and all(turn.status in KEYS for turn in turns):
        # What refused them need not be what asks a provider.
        yield Point(what="provider", found=False, said=NO_ANSWER)
        return
    said = (
        f"{asked} calls"
        if asked
        else f"never asked: is {profile.provider_variable} the variable that it reads? ({profile.at('provider_variable')})"
    )
    yield Point(what="provider", found=asked > 0, wrong=not asked, said=said)
    later_turns = [turn for turn in turns[1:] if _is_answered(turn)]
    is_held = turns[0].session_id is not None or not profile.turn.session
    if profile.turn.holds_sessions and asked and later_turns and _is_answered(turns[0]) and is_held:
        first = turns[0].canary or ""
        later = [call for call in history.calls if call.at_s >= later_turns[0].at_s]
        told = any(first in str(message.get("content")) for call in later for message in call.messages)
        untold = "a later turn did not tell the provider of the first"
        yield Point(
            what="history",
            found=told,
            wrong=not told,
            said="told with later turns"
            if told
            else f"{untold}; mend [turn] body ({profile.at('turn.body')})",
        )


def _logged(history: History, profile: Profile) -> Iterator[Point]:
    """Whether its log can be read."""
    # What a service prints is no part of a log that has a file of its own; whose an access line is cannot be seen.
    lines = [record for record in history.logs if record.source == "app"]
    unknown = sum(record.event is None and not record.fields for record in lines)
    beside = Counter(record.source for record in history.logs)
    there = bool(lines) or (bool(history.logs) and not profile.log)
    hint = f", {beside['access']} of access" if beside["access"] else ""
    hint += f", {beside['stderr']} on standard error" if beside["stderr"] else ""
    hint += "" if there else f"; where does it write? log = ... ({profile.at('log')})"
    yield Point(what="log", found=there, said=f"{len(lines)} lines, {unknown} of no known form{hint}")


def _completed(history: History, profile: Profile) -> Iterator[Point]:
    """Whether its log has the record that it promises of each request."""
    if (event := profile.contract.completion_event) is None:
        said = "its log is not held to what was answered"
        yield Point(what="completion_event", found=False, said=said)
        return
    if LOGS not in history.header.witnesses:
        said = "nobody reads its log"
        yield Point(what="completion_event", found=False, said=said)
        return
    count = sum(record.event == event for record in history.logs)
    key = "contract.completion_event"
    said = (
        f"{count} records" if count else f"no {event} in its log; mend completion_event ({profile.at(key)})"
    )
    yield Point(what="completion_event", found=count > 0, wrong=not count, said=said)


def _identified(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether its answers carry the ids of their requests."""
    if not profile.contract.request_ids:
        said = "its calls and log lines are matched by time alone"
        yield Point(what="request_ids", found=False, said=said)
        return
    seen = [turn.headers.get("x-request-id") == turn.request_id for turn in turns if _is_answered(turn)]
    wrong = f"an answer has not its request's X-Request-ID; mend request_ids ({profile.at('contract.request_ids')})"
    yield _of_answers("request_ids", seen, wrong)


def _streamed(turns: list[Exchange], profile: Profile) -> Iterator[Point]:
    """Whether it streams where the profile says so; the last turn asks for it."""
    if profile.turn.stream == "never":
        yield Point(what="stream", found=False, said="no turn is read as a stream")
        return
    due = turns if profile.turn.stream == "always" else turns[-1:]
    wrong = f"a turn was answered with no text/event-stream; mend [turn] stream ({profile.at('turn.stream')})"
    yield _of_answers("stream", [is_stream(turn) for turn in due if _is_answered(turn)], wrong)


def _is_answered(turn: Exchange) -> bool:
    """Whether a turn was answered with a 200, in full: any other answer may be a gateway's, and shows nothing more."""
    return turn.status == HTTPStatus.OK and not broke_off(turn)


def _of_answers(what: str, seen: list[bool], wrong: str) -> Point:
    """What the answers show, by whether each has it; where there was none it was not seen, and is not wrong either."""
    if not seen:
        return Point(what=what, found=False, said=NO_ANSWER)
    return Point(what=what, found=all(seen), wrong=not all(seen), said="" if all(seen) else wrong)


def _ready(history: History, profile: Profile) -> Iterator[Point]:
    """Whether it says if it can take work."""
    if profile.ready is None:
        yield Point(what="ready", found=False, said="nobody asks it whether it can take work")
        return
    asked = [one for one in history.exchanges if one.path == profile.ready]
    fine = bool(asked) and asked[-1].status in READY
    hint = "" if fine else f"; 200 or 503 is meant: mend ready ({profile.at('ready')})"
    yield Point(what="ready", found=fine, wrong=not fine, said=f"{asked[-1] if asked else 'not asked'}{hint}")


def _stored(history: History, profile: Profile) -> Iterator[Point]:
    """Whether its store is where the profile puts it; one that is in memory is not looked for."""
    if tells_store(profile):
        wrong = nothing_opened(profile) in history.header.doubts
        said = "in the run's folder"
        if wrong:
            said = f"nothing was opened {said}: mend store_variable ({profile.at('store_variable')})"
        yield Point(what="store", found=not wrong, wrong=wrong, said=said)


def _within(history: History, profile: Profile) -> Iterator[Point]:
    """Whether what the profile names of its process is there."""
    named: dict[str, tuple[type[Sought], str, str, str]] = {
        "worker": (
            WorkerSought,
            profile.worker,
            "no thread or task is called",
            "no thread or task of its own is ended by a fault",
        ),
        "sync_entry": (
            EntrySought,
            profile.sync_entry,
            "no function of a message can be imported as",
            "no function of it is called where there is no await",
        ),
    }
    for what, (sought, given, wrong, otherwise) in named.items():
        if not given:
            yield Point(what=what, found=False, said=otherwise)
        elif not profile.app:
            yield Point(
                what=what, found=False, said="nobody looks into a process that holds no app = of the profile"
            )
        else:
            there = bool(history.fired().get(sought.name))
            said = given if there else f"{wrong} {given!r}; mend {what} ({profile.at(what)})"
            yield Point(what=what, found=there, wrong=not there, said=said)


def _kept(history: History, profile: Profile) -> Iterator[Point]:
    """Whether what it keeps, and what it counts, can be read."""
    named = {
        "state": (
            "turn.state",
            profile.turn.state,
            "what it keeps is seen only in what the provider is told",
        ),
        "metrics": ("metrics", profile.metrics, "what it counts is not compared with what it answered"),
    }
    for what, (key, path, otherwise) in named.items():
        read = [one for one in history.of(Snapshot) if (one.name == "metrics") == (what == "metrics")]
        found = bool(read) and read[-1].status == HTTPStatus.OK
        said = path or otherwise
        if wrong := bool(read) and not found:
            table = key.replace("turn.", "[turn] ")
            said = f"GET {path} -> {read[-1].status}; mend {table} ({profile.at(key)})"
        yield Point(what=what, found=found, wrong=wrong, said=said)


def _promised(profile: Profile) -> Iterator[Point]:
    """What the profile leaves out, and what is not judged for it; what one conversation cannot show is only repeated."""
    said = "" if profile.health else "nobody sees whether it stays well under a fault"
    yield Point(what="health", found=bool(profile.health), said=said)
    unseen: dict[str, tuple[object, str]] = {
        "keys": (profile.turn.keys, "no turn is sent twice under an idempotency key"),
        "deadline": (profile.deadline_variable, "no fault gives it less time for a turn"),
    }
    if profile.turn.holds_sessions:
        otherwise = (
            "what a session held may go with its process; where not, sessions_outlive = true in [contract]"
        )
        unseen["sessions_outlive"] = (profile.contract.sessions_outlive, otherwise)
    for what, (given, otherwise) in unseen.items():
        yield Point(what=what, found=False, said="named, not tried here" if given else otherwise)

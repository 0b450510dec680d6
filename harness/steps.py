"""The steps of a scenario: what is done to a service, one after the other or together."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from harness.errors import UsageError

PLAN_INPUT = "Hi! How can you help me?"
"""The message of the incident that started this; a turn says it unless told otherwise."""

HEALTH = "/{health}"
"""Where a drill asks for this path, a sweep puts that of the profile's `health`."""

CANARY = "{canary}"
"""Where it stands in a message, the runner puts a word that exists once in the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of the conversation that the scenario labels `session`.

    `retries` sends the very same request again that often after its answer; with `idempotency_key` the key is kept.
    With `stream` the answer is asked for as server-sent events.
    """

    session: str = "a"
    message: str = PLAN_INPUT
    idempotency_key: str | None = None
    retries: int = 0
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that holds no turn. `body` is sent as JSON; `raw` as it stands."""

    method: str = "GET"
    path: str
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A turn whose client leaves after `after_s` seconds without waiting for the answer."""

    session: str = "a"
    message: str = PLAN_INPUT
    after_s: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is sent for so long; with `recovery`, so much longer as the contract gives a service to be well again."""

    for_s: float
    recovery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The service stops and starts again on the same store; `kill` gives it no time to prepare."""

    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Steps that begin together; the next step begins when all have ended."""

    steps: tuple["Turn | Request | Disconnect", ...]


Inner = Turn | Request | Disconnect
Step = Turn | Request | Disconnect | Wait | Restart | Parallel


def flat(steps: Sequence[Step]) -> tuple[Step, ...]:
    """All steps, those inside `Parallel` included, in order."""
    inner = (step.steps if isinstance(step, Parallel) else (step,) for step in steps)
    return tuple(step for group in inner for step in group)


def fitted(
    steps: Sequence[Step], *, keys: bool, streams: bool, health: str | None, recovery_s: float = 0.0
) -> tuple[Step, ...]:
    """The steps as a service can hold them that has no idempotency keys, no streams, or no path for its health.

    Without keys nothing is sent twice: it would be another turn.
    """

    def fit(step: Inner) -> Iterator[Inner]:
        if isinstance(step, Turn):
            plain = step if keys else replace(step, idempotency_key=None, retries=0)
            yield plain if streams else replace(plain, stream=False)
        elif isinstance(step, Request) and step.path == HEALTH:
            yield from [] if health is None else [replace(step, path=health)]
        else:
            yield step

    found: list[Step] = []
    for step in steps:
        if isinstance(step, Parallel):
            found.append(replace(step, steps=tuple(one for inner in step.steps for one in fit(inner))))
        elif isinstance(step, Turn | Request | Disconnect):
            found.extend(fit(step))
        elif isinstance(step, Wait) and step.recovery:
            found.append(Wait(for_s=step.for_s + recovery_s))
        else:
            found.append(step)
    return tuple(found)


def check(step: object) -> None:
    """Refuse a step that could not be played as it is written.

    Raises:
        UsageError: it is no step, or a field of it makes no sense; the message says which.
    """
    inner = step.steps if isinstance(step, Parallel) else (step,)
    together = (
        (Turn, Request, Disconnect)
        if isinstance(step, Parallel)
        else (Turn, Request, Disconnect, Wait, Restart)
    )
    if not inner:
        raise UsageError("Parallel(steps=()): put at least one step into it")
    for one in inner:
        if not isinstance(one, together):
            raise UsageError(
                f"{one!r} is no step here; there are: {', '.join(kind.__name__ for kind in together)}"
            )
        if complaint := next(_complaints(one), None):
            raise UsageError(f"{type(one).__name__}: {complaint}")


def _complaints(step: "Turn | Request | Disconnect | Wait | Restart") -> Iterator[str]:
    """What is wrong with the fields of one step."""
    match step:
        case Turn():
            texts: tuple[object, ...] = (step.message, step.session)
            if not all(isinstance(text, str) for text in texts):
                yield f"message={step.message!r}, session={step.session!r}: both are texts"
            if step.retries < 0:
                yield f"retries={step.retries}: must be at least 0"
            if step.idempotency_key is not None and not _is_header(step.idempotency_key):
                yield f"idempotency_key={step.idempotency_key!r}: visible ASCII only, as in any header"
        case Request():
            if not step.path.startswith("/") or not _is_header(step.path):
                yield f"path={step.path!r}: begins with / and is visible ASCII"
            if not all(_is_header(word) for pair in step.headers.items() for word in pair):
                yield f"headers={dict(step.headers)!r}: visible ASCII only"
            if not _is_json(step.body):
                yield f"body={step.body!r}: cannot be written as JSON; use raw"
        case Disconnect(after_s=seconds) | Wait(for_s=seconds):
            if not (math.isfinite(seconds) and seconds >= 0):
                yield f"{seconds}: seconds must be finite and at least 0"
        case Restart():
            pass


def _is_header(text: str) -> bool:
    """True for what HTTP can carry in a header or a request line: visible ASCII, and blanks inside."""
    return bool(text) and text == text.strip() and all(" " <= letter <= "~" for letter in text)


def _is_json(body: Any) -> bool:
    """True for what can be written as JSON."""
    try:
        orjson.dumps(body)
    except TypeError:
        return False
    return True


def check_openings(steps: Sequence[Step]) -> None:
    """Refuse turns that would each open their session: which one named it would be chance.

    Raises:
        UsageError: several turns of a new session begin together, or its first turn is sent again.
    """
    opened: set[str] = set()
    for step in steps:
        together = [inner for inner in flat((step,)) if isinstance(inner, Turn)]
        sessions = [turn.session for turn in together]
        for turn in together:
            if turn.session not in opened and (sessions.count(turn.session) > 1 or turn.retries):
                raise UsageError(
                    f"session {turn.session!r}: hold one turn before several in Parallel or one with retries, to open the session"
                )
        opened.update(sessions)

"""What an answer says of the profile by which its turn was held."""

from http import HTTPStatus

from harness.history import Exchange
from harness.targets.profile import Profile

KEYS = {
    HTTPStatus.NOT_FOUND: "path",
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.UNPROCESSABLE_ENTITY: "body",
    HTTPStatus.BAD_REQUEST: "body",
    HTTPStatus.UNAUTHORIZED: "headers",
    HTTPStatus.FORBIDDEN: "headers",
}
"""Which key of [turn] a status speaks of, where no turn is answered otherwise."""


def broke_off(turn: Exchange) -> bool:
    """Whether an answer that had begun, as a stream say, did not come to its end, or came to a bad one."""
    events = turn.body if isinstance(turn.body, list) else []
    failed = any(isinstance(event, dict) and event.get("event") == "error" for event in events)
    return turn.error is not None or failed


def mistaken(turn: Exchange, profile: Profile) -> str | None:
    """Why a turn that nothing disturbed was not held as the profile means it, and where to mend that; None where it was."""
    template = profile.turn
    if turn.status != HTTPStatus.OK:
        key = KEYS.get(HTTPStatus(turn.status)) if turn.status in KEYS else None
        return f"{profile.at(f'turn.{key}')}: {turn}; mend [turn] {key}" if key else None
    if broke_off(turn):
        return None  # that is no mistake of the profile
    if template.holds_sessions and template.session and turn.session_id is None:
        return f"{profile.at('turn.session')}: no session at {template.session} of an answer; mend [turn] session"
    if template.reply is not None and turn.reply is None:
        return f"{profile.at('turn.reply')}: no reply at {template.reply} of an answer; mend [turn] reply"
    return None

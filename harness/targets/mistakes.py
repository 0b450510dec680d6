"""What a run says of the profile by which it was held."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path

from harness.history import Exchange, Record
from harness.targets.control import HOLDS, PLAYED
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

NO_PATH = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""What is answered at a path that is not there: no service says so that it can take no work."""

OWN_FILES = ("app.log", "stderr.log", PLAYED, HOLDS)
"""What the harness itself keeps in a run's folder."""


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


def mistaken_rest(records: Iterable[Record], profile: Profile, directory: Path) -> Iterator[str]:
    """What a run, which left `directory` behind, shows to be wrong beside the turns, and where to mend that."""
    exchanges = [one for one in records if isinstance(one, Exchange)]
    for one in exchanges:
        if one.path == profile.ready and one.status in NO_PATH:
            yield f"{profile.at('ready')}: {one}; mend ready"
            break
    held = any(one.path == profile.turn.path and one.status == HTTPStatus.OK for one in exchanges)
    if held and tells_store(profile) and not _holds_something(directory, profile):
        yield nothing_opened(profile)


def tells_store(profile: Profile) -> bool:
    """Whether the service is told to keep its store in the run's folder."""
    told = profile.store_variable is not None and "{directory}" in profile.store_template
    return profile.store == "sqlite" and told and not profile.url


def nothing_opened(profile: Profile) -> str:
    """What is said of a service that keeps its store elsewhere, and so perhaps in a real one."""
    return f"{profile.at('store_variable')}: nothing was opened in the run's folder; mend store_variable"


def _holds_something(directory: Path, profile: Profile) -> bool:
    """Whether anything is in the folder but logs."""
    log = Path(profile.log.replace("{directory}", str(directory)))
    return any(path.name not in OWN_FILES and path != log for path in directory.rglob("*") if path.is_file())

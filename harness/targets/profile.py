"""A profile: how to hold one turn with a service, and what the service promises, as a short TOML file."""

import importlib
import importlib.resources
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import UsageError
from harness.history import Contract

REFERENCE = "reference_app:profile.toml"
"""The default target, by import string: the harness imports nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTemplate:
    """One turn: where it is sent, and the body in which `{message}` and `{session}` stand for theirs.

    A key whose value is `{session}` is left out of a session's first turn. `session` is the JSON pointer to the
    session's id in an answer; `state` is the path from which the session can be read afterwards.
    """

    path: str
    body: Mapping[str, Any]
    method: str = "POST"
    session: str = "/session_id"
    state: str | None = None

    def render(self, message: str, session: str | None) -> dict[str, Any]:
        """The body of one turn; what has no value yet is left out, wherever it stands."""
        filled: dict[str, Any] = _filled(self.body, {"{message}": message, "{session}": session})
        return filled

    @property
    def holds_sessions(self) -> bool:
        """True where the body says which session a turn belongs to."""
        return "session" in _placeholders(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to start a service and talk to it.

    `app` is the import string of a factory `(*, defects, transport) -> ASGI app`; `defects` that of a mapping of
    the historical mistakes that it can be built with. The variables named take the provider's base URL and the
    place of the store; `environment` is set beside them. `origin` says where the profile was read.
    """

    name: str
    app: str
    turn: TurnTemplate
    contract: Contract
    origin: str
    defects: str | None = None
    provider_variable: str = "OPENAI_BASE_URL"
    store_variable: str | None = None
    store_template: str = "sqlite:///{directory}/sessions.db"
    health: str | None = None
    metrics: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


_PROFILE = TypeAdapter(Profile)


def load(where: str = REFERENCE) -> Profile:
    """Read a profile from `PACKAGE:FILE.toml` or from a path.

    Raises:
        UsageError: it is not there, is no TOML, or lacks or misspells a key; the message says where.
    """
    text = _text(where)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: {error}; mend the profile") from error
    try:
        turn = _known(TurnTemplate, values.pop("turn"), where, "turn")
        contract = _known(
            Contract, {"turn_path": turn.get("path"), **values.pop("contract")}, where, "contract"
        )
    except KeyError as error:
        raise UsageError(
            f"{where}: the profile has no [{error.args[0]}]; see the README's example"
        ) from error
    rest = _known(Profile, {**values, "origin": where}, where, "")
    contract["health_path"] = rest.get("health")
    contract["sessions"] = "session" in _placeholders(turn.get("body"))
    try:
        return _sound(_PROFILE.validate_python({**rest, "turn": turn, "contract": contract}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {place}: {first['msg']}; mend the profile") from error


def _sound(profile: Profile) -> Profile:
    """The profile, if a turn can be held by it.

    Raises:
        UsageError: a placeholder, a pointer, a path or a number makes no sense; the message says which.
    """
    turn, contract = profile.turn, profile.contract
    found = _placeholders(turn.body)
    wrong = [
        ("message" not in found, "[turn] body: {message} must stand somewhere in it"),
        (
            found - {"message", "session"},
            f"[turn] body: only {{message}} and {{session}} are known, not {sorted(found)}",
        ),
        (
            not turn.session.startswith("/"),
            f"[turn] session = {turn.session!r}: a JSON pointer begins with /",
        ),
        (not turn.path.startswith("/"), f"[turn] path = {turn.path!r}: a path begins with /"),
        (not contract.deadline_s > 0, f"[contract] deadline_s = {contract.deadline_s}: must be above 0"),
        (not contract.statuses, "[contract] statuses: name at least one"),
        (":" not in profile.app, f"app = {profile.app!r}: give MODULE:NAME of the app or of its factory"),
    ]
    for is_wrong, complaint in wrong:
        if is_wrong:
            raise UsageError(f"{profile.origin}: {complaint}; mend the profile")
    return profile


def _filled(value: Any, words: Mapping[str, str | None]) -> Any:
    """The template with its words put in; a key or an entry whose word has no value is left out."""
    if isinstance(value, str):
        return words[value] if value in words else value.replace("{message}", words["{message}"] or "")
    if isinstance(value, Mapping):
        pairs = {key: _filled(inner, words) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner is not None}
    if isinstance(value, list):
        return [inner for inner in (_filled(inner, words) for inner in value) if inner is not None]
    return value


def _placeholders(value: Any) -> set[str]:
    """The names in braces, anywhere in the template."""
    if isinstance(value, str):
        return set(re.findall(r"\{(\w+)\}", value))
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(_placeholders, inner))


def defect_catalog(profile: Profile) -> Mapping[str, Any]:
    """The historical mistakes that the target can be built with, by name; each has `reasons` and `summary`."""
    if profile.defects is None:
        return MappingProxyType({})
    module, _, name = profile.defects.partition(":")
    before = list(sys.path)
    sys.path[:0] = [place for place in places(profile) if place not in before]
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{profile.origin}: defects = {profile.defects!r}: {error}; mend the profile"
        ) from error
    finally:
        sys.path[:] = before
    return MappingProxyType(dict(found))


def places(profile: Profile) -> list[str]:
    """Where a target is imported from: the profile's own folder, then the current one."""
    origin = Path(profile.origin)
    return [*([str(origin.resolve().parent)] if origin.is_file() else []), str(Path.cwd())]


def check_defects(profile: Profile, names: tuple[str, ...]) -> None:
    """Refuse a defect that the target does not have.

    Raises:
        UsageError: the message lists those that it has.
    """
    known = defect_catalog(profile)
    for name in names:
        if name not in known:
            raise UsageError(
                f"{profile.name} has no defect {name}; it has: {', '.join(sorted(known)) or 'none'}"
            )


def _text(where: str) -> str:
    """The text of the profile."""
    package, _, name = where.partition(":")
    if name and not Path(where).exists():
        try:
            return importlib.resources.files(package).joinpath(name).read_text(encoding="utf-8")
        except (ImportError, OSError) as error:
            raise UsageError(
                f"{where}: {error}; a target is PACKAGE:FILE.toml or the path of a profile"
            ) from error
    try:
        return Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{where}: {error}; a target is PACKAGE:FILE.toml or the path of a profile"
        ) from error


def _known(kind: type[Any], values: Mapping[str, Any], where: str, table: str) -> dict[str, Any]:
    """The values, if the table knows every key."""
    names = {item.name for item in fields(kind)} - {"health_path", "sessions"}
    for key in values:
        if key not in names:
            place = f"[{table}] " if table else ""
            raise UsageError(
                f"{where}: {place}{key} is no key of a profile; there are: {', '.join(sorted(names))}"
            )
    return dict(values)

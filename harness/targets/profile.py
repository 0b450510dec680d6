"""A profile: how to hold one turn with a service, and what the service promises, as a short TOML file."""

import importlib
import importlib.resources
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
        """The body of one turn."""
        filled = {
            key: value.replace("{message}", message) if value != "{session}" else session
            for key, value in self.body.items()
            if isinstance(value, str)
        }
        rest = {key: value for key, value in self.body.items() if not isinstance(value, str)}
        return {key: value for key, value in {**rest, **filled}.items() if value is not None}


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
    health: str = "/health"
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
    try:
        return _PROFILE.validate_python({**rest, "turn": turn, "contract": contract})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {place}: {first['msg']}; mend the profile") from error


def defect_catalog(profile: Profile) -> Mapping[str, Any]:
    """The historical mistakes that the target can be built with, by name; each has `reasons` and `summary`."""
    if profile.defects is None:
        return MappingProxyType({})
    module, _, name = profile.defects.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{profile.origin}: defects = {profile.defects!r}: {error}; mend the profile"
        ) from error
    return MappingProxyType(dict(found))


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
    names = {item.name for item in fields(kind)}
    for key in values:
        if key not in names:
            place = f"[{table}] " if table else ""
            raise UsageError(
                f"{where}: {place}{key} is no key of a profile; there are: {', '.join(sorted(names))}"
            )
    return dict(values)

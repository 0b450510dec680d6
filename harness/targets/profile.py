"""A profile: how to hold one turn with a service, and what the service promises, as a short TOML file."""

import importlib
import importlib.resources
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from harness.errors import UsageError
from harness.history import Contract
from harness.targets.soundness import Complaint, lines_of, wrong_places, wrong_turn
from harness.targets.template import DERIVED, TurnTemplate, derived

START_S_MAX = 30.0
REFERENCE = "reference_app:profile.toml"
"""The default target, by import string: the harness imports nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to start a service and talk to it.

    `name` is that of the file or its folder where it is left out. It is one of three: `app`, the import string of an ASGI app, or of a factory `(*, defects, transport) -> app`;
    `command`, the words that start it, with `{port}` and `{directory}` in them; `url`, where it already runs.
    `defects` is the import string of a mapping of the historical mistakes that it can be built with. The variables
    named take the provider's base URL (none where that is empty: it has no provider) and the place of the store;
    `environment` is set beside them. `store` is `sqlite` where it keeps its state there. `log` is the file that it
    writes its log to, its standard output where that is empty. `sync_entry` is the import string of a function of a
    message that it calls where it has no `await`. `provider_streams` says that it asks its provider for streams.
    `worker` is the name of a thread, or of a task, of its own that works as long as it lives. `deadline_variable` takes
    the seconds within which it answers a turn. It must be healthy within `start_s_max`, and may say at `ready` whether
    it can take work. `access_log` is uvicorn's own, which it writes on the event loop of an app unless that is served without.
    `origin` says where the profile was read, `lines` at which line each of its keys stands.
    """

    name: str
    turn: TurnTemplate
    contract: Contract
    origin: str
    app: str = ""
    command: tuple[str, ...] = ()
    url: str = ""
    defects: str | None = None
    provider_variable: str = "OPENAI_BASE_URL"
    provider_streams: bool = False
    access_log: bool = True
    store: Literal["", "sqlite"] = ""
    store_variable: str | None = None
    store_template: str = "sqlite:///{directory}/sessions.db"
    log: str = ""
    sync_entry: str = ""
    worker: str = ""
    deadline_variable: str = ""
    start_s_max: float = START_S_MAX
    health: str | None = None
    ready: str | None = None
    metrics: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """Where a key stands, as `file:line`; of one that is left out, the file alone."""
        return f"{self.origin}:{self.lines[key]}" if key in self.lines else self.origin

    @property
    def shown(self) -> str:
        """Its name, and whether it could be seen that it is the one that answers."""
        return f"{self.name} (unverified)" if self.url else self.name

    @property
    def started_by(self) -> str:
        """What starts it, or where it runs: for messages."""
        return self.app or " ".join(self.command) or self.url

    @property
    def capabilities(self) -> frozenset[str]:
        """What it has, by the words of `harness.registry.CAPABILITIES`."""
        asked = bool(self.provider_variable) and not self.url
        has = {
            "provider": asked,
            "sessions": self.turn.holds_sessions,
            "keys": self.turn.keys,
            "streams": self.turn.stream != "never",
            "provider_streams": asked and self.provider_streams,
            "store": self.store == "sqlite" and bool(self.app),
            "process": not self.url,
            "inside": bool(self.app),
            "sync_entry": bool(self.sync_entry) and bool(self.app),
            "request_ids": self.contract.request_ids,
            "worker": bool(self.worker) and bool(self.app),
            "deadline": bool(self.deadline_variable) and asked,
            "log_file": "{directory}" in self.log and not self.url,
        }
        return frozenset(name for name, there in has.items() if there)


_PROFILE = TypeAdapter(Profile)
STATUSES = (200, 201, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 502, 503, 504)
"""What a service that promises nothing may answer to a turn: whatever is no bug of its own."""

DEADLINE_S = 10.0
"""Within which a service that promises nothing must have answered a turn."""


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
    lines = lines_of(text)
    if not isinstance(values.get("turn"), dict):
        raise UsageError(f"{where}: the profile has no [turn]; see the README's example")
    turn = _known(TurnTemplate, values.pop("turn"), where, "turn", lines)
    own = values.pop("contract", {})
    if not isinstance(own, dict):
        raise UsageError(f"{_place(where, lines, 'contract')}: contract is no table; write [contract]")
    contract = {
        "turn_path": turn.get("path"),
        "statuses": STATUSES,
        "deadline_s": DEADLINE_S,
        "sessions_outlive": bool(values.get("store") or values.get("store_variable")),
        **_known(Contract, own, where, "contract", lines),
    }
    if isinstance(values.get("command"), str):
        try:
            values["command"] = shlex.split(values["command"])
        except ValueError as error:
            raise UsageError(
                f"{_place(where, lines, 'command')}: command: {error}; mend the profile"
            ) from error
    values.setdefault("name", _name(where))
    rest = _known(Profile, {**values, "origin": where, "lines": lines}, where, "", lines)
    contract.update(derived(rest, turn))
    try:
        return sound(_PROFILE.validate_python({**rest, "turn": turn, "contract": contract}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{_place(where, lines, place)}: {place}: {first['msg']}; mend the profile"
        ) from error


def sound(profile: Profile) -> Profile:
    """The profile, if a turn can be held by it.

    Raises:
        UsageError: a placeholder, a pointer, a path or a number makes no sense; the message says which.
    """
    for key, is_wrong, complaint in (*wrong_turn(profile.turn), *_wrong_rest(profile)):
        if is_wrong:
            raise UsageError(f"{profile.at(key)}: {complaint}; mend the profile")
    return profile


def _wrong_rest(profile: Profile) -> Iterator[Complaint]:
    """What may be wrong with the rest of a profile."""
    contract = profile.contract
    yield from wrong_places(store_template=profile.store_template, log=profile.log, url=profile.url)
    given = [name for name in ("app", "command", "url") if getattr(profile, name)]
    yield given[0] if given else "name", len(given) != 1, "give one of app, command and url"
    for key, of in (("app", "the app or of its factory"), ("sync_entry", "the function")):
        value = getattr(profile, key)
        yield key, value and ":" not in value, f"{key} = {value!r}: give MODULE:NAME of {of}"
    port = any("{port}" in word for word in profile.command)
    yield (
        "command",
        profile.command and not port,
        "command: {port} must stand somewhere in it: the port is chosen free",
    )
    yield "url", profile.url and not _is_url(profile.url), f"url = {profile.url!r}: give http://HOST:PORT"
    yield (
        "contract.deadline_s",
        not contract.deadline_s > 0,
        f"[contract] deadline_s = {contract.deadline_s}: must be above 0",
    )
    yield "start_s_max", not profile.start_s_max > 0, f"start_s_max = {profile.start_s_max}: must be above 0"
    yield "contract.statuses", not contract.statuses, "[contract] statuses: name at least one"
    counted = contract.in_flight_metric or contract.dropped_lines_metric or contract.alarm_metrics
    yield (
        "contract",
        counted and not profile.metrics,
        f"[contract] promises {counted}: metrics must say where",
    )
    for name in ("health", "ready", "metrics"):
        path = getattr(profile, name)
        yield name, path is not None and not path.startswith("/"), f"{name} = {path!r}: a path begins with /"


def _is_url(text: str) -> bool:
    """Whether it says with which host, and at which port if any, to speak HTTP."""
    try:
        where = urlsplit(text)
        return where.scheme in ("http", "https") and bool(where.hostname) and where.port != 0
    except ValueError:  # a port that is no number
        return False


def defect_catalog(profile: Profile) -> Mapping[str, Any]:
    """The historical mistakes that the target can be built with, by name; each has `reasons` and `summary`."""
    if profile.defects is None:
        return MappingProxyType({})
    module, _, name = profile.defects.partition(":")
    before = list(sys.path)
    # Also where they are there already: the current folder may stand before the profile's own.
    sys.path[:0] = places(profile)
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # what is imported is the user's, and may raise anything
        raise UsageError(
            f"{profile.at('defects')}: defects = {profile.defects!r}: {type(error).__name__}: {error}; mend the profile"
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


def _name(where: str) -> str:
    """What a service is called whose profile says nothing of it: as the profile, or as the folder that it is in."""
    path = Path(where)
    return path.stem if path.stem != "profile" else path.resolve().parent.name


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


def _known(
    kind: type[Any], values: Mapping[str, Any], where: str, table: str, lines: Mapping[str, int]
) -> dict[str, Any]:
    """The values, if the table knows every key."""
    names = {item.name for item in fields(kind)} - DERIVED
    for key in values:
        if key not in names:
            prefix = f"[{table}] " if table else ""
            place = _place(where, lines, f"{table}.{key}" if table else key)
            known = ", ".join(sorted(names - {"origin", "lines"}))
            raise UsageError(f"{place}: {prefix}{key} is no key of a profile; there are: {known}")
    return dict(values)


def _place(where: str, lines: Mapping[str, int], key: str) -> str:
    """Where a key stands, as `file:line`."""
    return f"{where}:{lines[key]}" if key in lines else where

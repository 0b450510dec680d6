"""Which target a command is for: by its name, by the user's defaults, and whether it may be driven at all."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from harness.commands import configured
from harness.errors import ShakeoutError, TargetFailed, UsageError
from harness.faults.loop_entry import MEND_IT
from harness.targets import profile as profiles
from harness.targets.profile import Profile

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOOPS = ("asyncio", "uvloop")
"""The kinds of event loop that a live app can be served on, by uvicorn's names."""
PLAY_IT_LIVE = ("play it in the stage live", "play it live")
"""How a simulation ends what it says of whatever it cannot hold."""


def resolve(target: str | None) -> Profile:
    """The profile of the target that is asked for, else of `[tool.shakeout]`, else of the reference app.

    Raises:
        UsageError: it is no profile, no import string and no URL, or cannot be read.
    """
    where = named(target) or profiles.REFERENCE
    if "://" in where:
        return profiles.sound(replace(profiles.load(), name=where, app="", url=where, origin=where, lines={}))
    if where.endswith(".toml"):
        return profiles.load(where)
    if ":" not in where:
        raise UsageError(
            f"{where}: a target is PACKAGE:FILE.toml, the path of a profile, MODULE:FACTORY or a URL"
        )
    return replace(profiles.load(), name=where, app=where, origin=where, lines={})


def check_started_by(profile: Profile, stage: str) -> None:
    """Refuse a stage that needs the app itself where there is only a command or a URL.

    Raises:
        UsageError: it is to be simulated.
    """
    if stage == "simulated" and not profile.app:
        raise UsageError(
            f"{profile.origin}: a simulation holds the app in its own process, and this is {profile.started_by}: "
            "give --stage live, or app = MODULE:NAME"
        )


@contextlib.contextmanager
def placed(profile: Profile) -> Iterator[None]:
    """Say of a target that died, or that a simulation cannot hold, where it stands in the profile, and what helps.

    The same of a synchronous entry, which is imported only where a fault calls it.

    Raises:
        UsageError: a simulation cannot hold it, or there is no such entry.
        TargetFailed: it died.
    """
    place = profile.at("app" if profile.app else "command" if profile.command else "url")
    try:
        yield
    except ShakeoutError as error:
        if str(error).endswith(PLAY_IT_LIVE):
            raise UsageError(f"{place}: {error}: give --stage live") from error
        if str(error).endswith(MEND_IT):
            raise UsageError(f"{profile.at('sync_entry')}: {error}") from error
        if isinstance(error, TargetFailed) and profile.origin not in str(error):
            raise TargetFailed(f"{place}: {profile.name}: {error}; mend {profile.started_by}") from error
        raise


def check_loop(profile: Profile, loop: str, stage: str) -> None:
    """Refuse a loop that there is not, and one that nobody would be served on.

    Raises:
        UsageError: it is none, the stage is not live, or the harness does not serve the target.
    """
    if loop not in LOOPS:
        raise UsageError(f"no loop is called {loop}; there are: {', '.join(LOOPS)}")
    if stage != "live":
        raise UsageError(f"--loop {loop} is for live runs: leave it out, or give --stage live")
    if not profile.app:
        place = profile.at("command" if profile.command else "url")
        raise UsageError(
            f"{place}: the harness does not serve {profile.started_by}, and cannot choose its loop: leave --loop out"
        )


def check_started(profile: Profile) -> Profile:
    """Refuse what the harness has not started itself.

    Raises:
        UsageError: the target is a URL.
    """
    if profile.url:
        raise UsageError(
            f"{profile.at('url')}: this drives what the harness has started itself: give app = or command = in a profile"
        )
    return profile


def check_host(profile: Profile, allowed: str | None) -> None:
    """Refuse to send anything to a machine that was not named.

    Raises:
        UsageError: the target is on another machine than this one, and that is not the one that is allowed.
    """
    host = urlsplit(profile.url).hostname
    if profile.url and host not in (*LOOPBACK, allowed):
        raise UsageError(
            f"{profile.at('url')}: {host} is another machine, and faults are no friendly visit: "
            f"give --allow-host {host} if it is yours"
        )


def named(target: str | None) -> str:
    """The target that is asked for, else that of `[tool.shakeout]`, as a replay from any folder must name it.

    Raises:
        UsageError: the name is empty.
    """
    if target is not None and not target:
        raise UsageError("the target has an empty name; give its name, or leave --target out")
    where = target or configured.target() or ""
    return str(Path(where).resolve()) if where.endswith(".toml") and Path(where).is_file() else where

"""What a target wrote while it was played, as records."""

import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.history import LogRecord, Record
from harness.logs import parse
from harness.targets.profile import Profile


def logged(
    directory: Path, *, profile: Profile, since: int = 0, hidden: str | None = None
) -> tuple[Record, ...]:
    """All that the target wrote: its log, then what it said on its standard output and error.

    Of a file that the profile names, what comes after its first `since` bytes. Where the folder's own name must not
    show, `hidden` stands for it.

    Raises:
        UsageError: the file that the profile names is not there, or cannot be read.
    """
    shown = str(directory) if hidden is None else hidden
    records: list[LogRecord] = []
    for path, source, start in _files(directory, profile, since):
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                lines.seek(start)
                records.extend(parse((line.replace(str(directory), shown) for line in lines), source=source))
        except OSError as error:
            if profile.log:
                raise unreadable(profile, error) from error
            raise
    return tuple(records)


def written_before(profile: Profile, directory: Path) -> int:
    """How much stands already in the file that the profile names, in bytes; 0 where it is not there yet.

    Raises:
        UsageError: it is to be there, since the target runs already, and is not; or it cannot be read.
    """
    if not profile.log:
        return 0
    path = named(profile, directory)
    try:
        with path.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except FileNotFoundError as error:
        if profile.url:
            raise unreadable(profile, error) from error
        return 0
    except OSError as error:
        raise unreadable(profile, error) from error


def _files(directory: Path, profile: Profile, since: int) -> Iterator[tuple[Path, str, int]]:
    """Each file with what a line of it is, and where to begin."""
    if profile.log:
        yield named(profile, directory), "app", since
    if not profile.url:
        yield directory / "app.log", "stdout" if profile.log else "app", 0
        yield directory / "stderr.log", "stderr", 0


def named(profile: Profile, directory: Path) -> Path:
    """The file that the profile names; a relative one is beside the profile."""
    path = Path(profile.log.replace("{directory}", str(directory)))
    return path if path.is_absolute() else Path(profile.origin).resolve().parent / path


def unreadable(profile: Profile, error: OSError) -> UsageError:
    """The error for a log that the profile names and nobody can read."""
    return UsageError(
        f"{profile.at('log')}: log = {profile.log!r}: {error.strerror}; name the file that it writes to"
    )

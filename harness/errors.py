"""The errors of the harness, each with its exit code and, in its message, the remedy.

    ShakeoutError          never raised itself
    +-- UsageError         2  what was asked for cannot be done as asked: nothing was run
    |   +-- Inapplicable   2  the target has nothing that a fault could break, which another target may have
    +-- InvalidRun         3  a run had begun and its observation cannot be trusted
        +-- TargetFailed   3  the target did not start, died, or is not the one that was started

A finding about the service under test is never an error: it is data (`harness.verdict.Violation`).
"""

from typing import ClassVar


class ShakeoutError(Exception):
    """What a user is shown in one line; `exit_code` is what the command ends with."""

    exit_code: ClassVar[int] = 2


class UsageError(ShakeoutError):
    """Something that was asked for does not exist or is out of range; the message says what would be right."""

    exit_code: ClassVar[int] = 2


class Inapplicable(UsageError):
    """The target has nothing that a fault could break; alone it is refused, among others it is left out, aloud."""


class InvalidRun(ShakeoutError):
    """The run happened, or began, and its observation cannot be trusted."""

    exit_code: ClassVar[int] = 3


class TargetFailed(InvalidRun):
    """The target did not start, went away, or answered with another's nonce."""


def first_of(group: BaseExceptionGroup[BaseException]) -> ShakeoutError | None:
    """The first of our own errors in a group, however deep; None where there is none."""
    for error in group.exceptions:
        if isinstance(error, ShakeoutError):
            return error
        if isinstance(error, BaseExceptionGroup) and (found := first_of(error)) is not None:
            return found
    return None


def told_by(error: BaseException) -> str:
    """The kind of an error, as a child tells it; whatever is not ours has made its run invalid."""
    return next((kind for kind in _TOLD if isinstance(error, _TOLD[kind])), InvalidRun.__name__)


def of_kind(kind: str, text: str) -> ShakeoutError:
    """The error that a child has told."""
    return _TOLD[kind](text)


_TOLD: dict[str, type[ShakeoutError]] = {
    kind.__name__: kind for kind in (Inapplicable, UsageError, TargetFailed, InvalidRun)
}
"""The narrower before the wider."""

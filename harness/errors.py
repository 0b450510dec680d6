"""The errors of the harness, each with its exit code and, in its message, the remedy.

    ShakeoutError          never raised itself
    +-- UsageError         2  what was asked for cannot be done as asked: nothing was run
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

"""What a session store does, whatever keeps the rows.

Sessions are named by the hash of their id, and owners by the hash of their API key: a store never sees a credential.
Every call is bounded by `timeout_s`. Errors: `StoreError`, below which are `StoreUnavailable` (not reachable, or
not in time), `StoreQueueFull` (too many writes wait), `SequenceConflict` (somebody else advanced the session),
`UnknownSession` (not there, or another owner's), and `IdempotencyConflict` (the key was stored by somebody else).
"""

from dataclasses import dataclass
from typing import Protocol

from reference_app.contract import Turn, WorkflowPhase


class StoreError(Exception):
    """Whatever a store refuses."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or does not answer in time; nothing is known to be stored."""


class StoreQueueFull(StoreError):
    """So many writes wait that another one is refused."""


class SequenceConflict(StoreError):
    """The session is not at the head that was read; nothing is stored."""


class UnknownSession(StoreError):
    """There is no such session for this owner."""


class IdempotencyConflict(StoreError):
    """The idempotency key was stored meanwhile; nothing is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idempotency key in its scope (an owner's session, or an API key), all hashed, with the hash of what was asked."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What a claim was answered with; `session` is the hash of the session that it belongs to."""

    session: str
    fingerprint: str
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as it stands: `head` is the sequence of its last turn, `turns` are the last ones that were asked for."""

    session: str
    head: int
    phase: WorkflowPhase
    turns: tuple[Turn, ...]
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One turn to store, with everything that must be stored with it or not at all.

    `turn.sequence` is the head that was read plus one; with 1 the session is created, and must not be there yet.
    """

    session: str
    owner: str | None
    turn: Turn
    phase: WorkflowPhase
    claim: Claim | None = None
    answer: bytes = b""


class SessionStore(Protocol):
    """Keeps sessions; the errors are those of this module."""

    async def open(self) -> None:
        """Begin to work; a store that cannot be reached now may be reached later."""

    async def close(self) -> None:
        """Store what was taken, then let go."""

    async def check(self, *, timeout_s: float) -> None:
        """Return once a write was stored, as a turn's would be now, else raise `StoreUnavailable`."""

    async def load(
        self, session: str, owner: str | None, *, turns_max: int | None, timeout_s: float
    ) -> StoredSession:
        """The session with its last `turns_max` turns in order (all where None)."""

    async def answered(self, claim: Claim, *, timeout_s: float) -> StoredAnswer | None:
        """What the claim's key was answered with, or None."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        """Store a turn; it is committed when this returns."""

    async def delete(self, session: str, owner: str | None, *, timeout_s: float) -> None:
        """Forget a session with all that belongs to it."""

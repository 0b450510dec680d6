"""The store against a model in memory, over random histories with restarts."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from reference_app.contract import Method, Turn, UserIntent, WorkflowPhase
from reference_app.sessions.protocol import (
    Append,
    Claim,
    IdempotencyConflict,
    SequenceConflict,
    StoredAnswer,
    UnknownSession,
)
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

SOON_S = 10.0
T = TypeVar("T")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
OWNERS = st.sampled_from([None, "a", "b"])


@dataclass
class Model:
    """What a session ought to be."""

    owner: str | None
    phase: WorkflowPhase
    turns: list[Turn] = field(default_factory=list)


class StoreMachine(RuleBasedStateMachine):
    """Creates, appends, conflicts, claims, deletes and reopens, and compares after each step."""

    sessions: Bundle[str] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.model: dict[str, Model] = {}
        self.answers: dict[tuple[str, str], StoredAnswer] = {}
        self.count = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        url = f"sqlite:///{Path(self.folder.name) / 's.db'}"
        self.store = SQLiteSessionStore(Settings(store_url=url))
        self.run(self.store.open())

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.open()

    def made(
        self, session: str, sequence: int, text: str, phase: WorkflowPhase, claim: Claim | None
    ) -> Append:
        self.count += 1
        turn = Turn(
            sequence=sequence,
            message=text,
            response=text[::-1],
            intent=UserIntent.UNCLEAR,
            method=Method.STRUCTURED_LLM,
            request_id=f"r{self.count}",
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        owner = self.model[session].owner if session in self.model else None
        return Append(session=session, owner=owner, turn=turn, phase=phase, claim=claim, answer=text.encode())

    def stored(self, append: Append) -> None:
        """Note in the model what the store has acknowledged."""
        entry = self.model.setdefault(append.session, Model(owner=append.owner, phase=append.phase))
        entry.phase = append.phase
        entry.turns.append(append.turn)
        if append.claim is not None:
            self.answers[append.claim.scope, append.claim.key] = StoredAnswer(
                session=append.session, fingerprint=append.claim.fingerprint, answer=append.answer
            )

    @rule(target=sessions, owner=OWNERS, text=TEXT)
    def create(self, owner: str | None, text: str) -> str:
        session = f"s{self.count}"
        self.model[session] = Model(owner=owner, phase=WorkflowPhase.INITIALIZATION)
        append = self.made(session, 1, text, WorkflowPhase.INITIALIZATION, None)
        self.run(self.store.append(append, timeout_s=SOON_S))
        self.stored(append)
        return session

    @rule(session=sessions, text=TEXT, phase=st.sampled_from(WorkflowPhase))
    def append(self, session: str, text: str, phase: WorkflowPhase) -> None:
        append = self.made(session, len(self.model[session].turns) + 1, text, phase, None)
        self.run(self.store.append(append, timeout_s=SOON_S))
        self.stored(append)

    @rule(session=sessions, offset=st.sampled_from([-1, 1, 5]))
    def append_elsewhere(self, session: str, offset: int) -> None:
        sequence = len(self.model[session].turns) + 1 + offset
        append = self.made(session, max(sequence, 1), "x", WorkflowPhase.REVIEW, None)
        if sequence < 1:
            return
        with pytest.raises(SequenceConflict):
            self.run(self.store.append(append, timeout_s=SOON_S))

    @rule(session=sessions, text=TEXT, key=st.sampled_from(["k1", "k2"]))
    def claim(self, session: str, text: str, key: str) -> None:
        claim = Claim(scope=session, key=key, fingerprint=f"f{len(text)}")
        known = self.answers.get((session, key))
        assert self.run(self.store.answered(claim, timeout_s=SOON_S)) == known
        append = self.made(
            session, len(self.model[session].turns) + 1, text, self.model[session].phase, claim
        )
        if known is None:
            self.run(self.store.append(append, timeout_s=SOON_S))
            self.stored(append)
        else:
            with pytest.raises(IdempotencyConflict):
                self.run(self.store.append(append, timeout_s=SOON_S))

    @rule(session=sessions)
    def touch_as_a_stranger(self, session: str) -> None:
        with pytest.raises(UnknownSession):
            self.run(self.store.load(session, "stranger", turns_max=None, timeout_s=SOON_S))
        with pytest.raises(UnknownSession):
            self.run(self.store.delete(session, "stranger", timeout_s=SOON_S))

    @rule(session=consumes(sessions))
    def delete(self, session: str) -> None:
        owner = self.model.pop(session).owner
        self.answers = {name: kept for name, kept in self.answers.items() if kept.session != session}
        self.run(self.store.delete(session, owner, timeout_s=SOON_S))
        with pytest.raises(UnknownSession):
            self.run(self.store.load(session, owner, turns_max=None, timeout_s=SOON_S))
        claim = Claim(scope=session, key="k1", fingerprint="f")
        assert self.run(self.store.answered(claim, timeout_s=SOON_S)) is None

    @invariant()
    def agrees(self) -> None:
        for session, entry in self.model.items():
            found = self.run(self.store.load(session, entry.owner, turns_max=None, timeout_s=SOON_S))
            assert (list(found.turns), found.head, found.phase) == (
                entry.turns,
                len(entry.turns),
                entry.phase,
            )

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()


def test_the_store_agrees_with_the_model() -> None:
    """Whatever is done to the store, it holds what it acknowledged and nothing else, across restarts."""
    StoreMachine.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    StoreMachine.TestCase().runTest()

"""One turn: claim the key, wait for the session, read it, classify, answer, and keep the turn before answering 200."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from reference_app.bridge import Bridge
from reference_app.classifier import IntentClassifier
from reference_app.context import RequestContext, current
from reference_app.contract import (
    Classification,
    ConversationState,
    ExecuteRequest,
    Turn,
    WorkflowPhase,
)
from reference_app.hooks import Hook, concerned, first_answer
from reference_app.logger import Logger
from reference_app.order import Claims, SessionOrder
from reference_app.phases import NEXT_PHASE
from reference_app.problems import Problem
from reference_app.security import digest, new_session_id, sealed, short
from reference_app.sessions.protocol import (
    Append,
    Claim,
    IdempotencyConflict,
    SequenceConflict,
    SessionStore,
    StoredSession,
    StoreError,
    StoreUnavailable,
)
from reference_app.settings import Settings

ATTEMPTS_MAX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request asks for: `session` is the hash of the id, and `key` the idempotency key, where it is honoured."""

    request: ExecuteRequest
    session_id: str
    session: str
    owner: str | None
    claim: Claim | None = None
    key: str = ""

    @property
    def is_first(self) -> bool:
        """True where the session's id has just been issued."""
        return self.request.session_id is None


class Workflow:
    """Holds turns, one at a time for each session."""

    def __init__(
        self,
        *,
        settings: Settings,
        classifier: IntentClassifier,
        bridge: Bridge,
        store: SessionStore,
        hooks: tuple[Hook, ...],
        order: SessionOrder,
        claims: Claims,
        logger: Callable[[str], Logger],
    ) -> None:
        self._settings = settings
        self._classifier = classifier
        self._bridge = bridge
        self._store = store
        self._hooks = hooks
        self._order = order
        self._claims = claims
        self._sessions_log = logger("session_debug")
        self._conversation_log = logger("conversation_debug")

    async def execute(self, request: ExecuteRequest, key: str | None) -> bytes:
        """Hold one turn, and return the body of its 200; the turn is committed.

        Raises:
            Problem: 409 where the session or the key is taken, 422 where the key was used for something else.
            StoreError: the turn is not stored.
        """
        context = current()
        asked = asked_for(request, key, context.principal)
        context.session = short(asked.session)
        with self._claims.held(asked.claim):
            if asked.is_first:
                return await self.turn(asked, context)
            place = await self._order.enter(asked.session, asked.owner, context)
            try:
                return await self.turn(asked, context)
            finally:
                place.leave()

    async def turn(self, asked: Asked, context: RequestContext) -> bytes:
        """Hold the turn, now that it is its turn; a session is new once its first turn is committed.

        Where another process came first, its answer to the same key is given; else the message is classified once
        more on what the session is then, if there is time and the client has read nothing yet. So the log says `conversation_context_built` and
        `intent_classification_success` once for each time that the chain was asked: twice for such a turn, and once
        for a turn that is then not stored.
        """
        conflicts: list[StoreError] = []
        while True:
            if (replay := await self.replay(asked, context)) is not None:
                return replay
            if conflicts and (len(conflicts) == ATTEMPTS_MAX or context.left_s() <= self._settings.reserve_s):
                raise conflicts[-1]
            try:
                answer = await self.attempt(asked, context)
                break
            except (SequenceConflict, IdempotencyConflict) as conflict:
                if context.shown:
                    raise
                conflicts.append(conflict)
        if asked.is_first:
            phase = WorkflowPhase.INITIALIZATION.name
            self._sessions_log.info("new_session_initialized", workflow_phase=phase, session=context.session)
        return answer

    async def attempt(self, asked: Asked, context: RequestContext) -> bytes:
        """Read the session, classify the message on it, and keep the turn."""
        head, state = await self.state(asked, context)
        self._conversation_log.info(
            "conversation_context_built",
            has_history=head > 0,
            messages_count=2 * len(state.turns),
            session=context.session,
        )
        classification = await self.classify(asked.request.message, state)
        note(context, classification)
        return await self.keep(asked, head, state, classification, context)

    async def state(self, asked: Asked, context: RequestContext) -> tuple[int, ConversationState]:
        """The head of the session, and what the chain may know of it."""
        if asked.is_first:
            return 0, ConversationState()
        stored = await self._store.load(
            asked.session,
            asked.owner,
            turns_max=self._settings.history_turns_max,
            timeout_s=context.left_s(),
        )
        return stored.head, ConversationState(turns=stored.turns, phase=stored.phase)

    async def classify(self, message: str, state: ConversationState) -> Classification:
        """What a hook says of the message, else what the chain says."""
        if hooks := concerned(self._hooks, message):
            facade = self._classifier.classify_intent_with_state
            answer = await self._bridge.portal(first_answer, hooks, message, state, facade)
            if answer is not None:
                return answer
        outlet = current().outlet
        if outlet is None:
            return await self._classifier.classify(message, state)
        async with outlet.listening():
            return await self._classifier.classify(message, state)

    async def keep(
        self,
        asked: Asked,
        head: int,
        state: ConversationState,
        classification: Classification,
        context: RequestContext,
    ) -> bytes:
        """Store the turn at `head`, with the answer where a key is honoured, and return the answer."""
        phase = NEXT_PHASE[state.phase, classification.intent]
        turn = Turn(
            sequence=head + 1,
            message=asked.request.message,
            response=classification.reply,
            intent=classification.intent,
            method=classification.method,
            request_id=context.request_id,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        answer = answer_of(asked, turn, phase, classification, context)
        kept = b""
        if asked.claim is not None:
            session_id = sealed(asked.session_id, key=asked.key, scope=asked.claim.scope)
            kept = orjson.dumps({**answer, "session_id": session_id})
        await self._store.append(
            Append(
                session=asked.session,
                owner=asked.owner,
                turn=turn,
                phase=phase,
                claim=asked.claim,
                answer=kept,
            ),
            timeout_s=context.left_s(),
        )
        return orjson.dumps(answer)

    async def replay(self, asked: Asked, context: RequestContext) -> bytes | None:
        """The answer that the key was given before, or None; no turn is held for it."""
        claim = asked.claim
        if claim is None:
            return None
        stored = await self._store.answered(claim, timeout_s=context.left_s())
        if stored is None:
            return None
        if stored.fingerprint != claim.fingerprint:
            raise Problem(422, "the idempotency key was used for another request")
        context.replayed = True
        context.session = short(stored.session)
        try:
            answer = orjson.loads(stored.answer)
        except orjson.JSONDecodeError as error:
            raise StoreUnavailable("the stored answer of the key cannot be read") from error
        answer["session_id"] = sealed(answer["session_id"], key=asked.key, scope=claim.scope)
        context.degraded = answer["degraded"]
        context.fallbacks = tuple(f"{level['level']}:{level['reason']}" for level in answer["fallbacks"])
        return orjson.dumps(answer)

    async def session(self, session_id: str) -> StoredSession:
        """The session as it stands, with all its turns."""
        context = current()
        session = digest(session_id)
        context.session = short(session)
        return await self._store.load(session, context.principal, turns_max=None, timeout_s=context.left_s())

    async def forget(self, session_id: str) -> None:
        """Forget the session."""
        context = current()
        session = digest(session_id)
        context.session = short(session)
        await self._store.delete(session, context.principal, timeout_s=context.left_s())


def asked_for(request: ExecuteRequest, key: str | None, owner: str | None) -> Asked:
    """What is asked for; the key is honoured only with a session or an API key, else it might be a stranger's.

    A session's answers are in its owner's scope: another API key that knows the session finds nothing and holds nothing.
    """
    session_id = request.session_id or new_session_id()
    session = digest(session_id)
    scope = f"session:{owner}:{session}" if request.session_id is not None else f"principal:{owner}"
    if key is None or (request.session_id is None and owner is None):
        return Asked(request=request, session_id=session_id, session=session, owner=owner)
    content = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    claim = Claim(scope=scope, key=digest(key), fingerprint=fingerprint)
    return Asked(request=request, session_id=session_id, session=session, owner=owner, claim=claim, key=key)


def note(context: RequestContext, classification: Classification) -> None:
    """Leave what the outcome record says of the chain."""
    context.degraded = classification.degraded
    context.fallbacks = tuple(f"{fallback.level}:{fallback.reason}" for fallback in classification.fallbacks)


def fallbacks_of(classification: Classification) -> list[dict[str, Any]]:
    """The levels that fell through, as an answer names them."""
    return [
        {
            "level": fallback.level,
            "reason": fallback.reason,
            "elapsed_ms": round(fallback.elapsed_ms, 3),
        }
        for fallback in classification.fallbacks
    ]


def answer_of(
    asked: Asked,
    turn: Turn,
    phase: WorkflowPhase,
    classification: Classification,
    context: RequestContext,
) -> dict[str, Any]:
    """The body of the 200. Its time ends before the commit, for the stored answer is the same; the log has the whole."""
    return {
        "session_id": asked.session_id,
        "turn": turn.sequence,
        "response": turn.response,
        "intent": turn.intent,
        "confidence": classification.confidence,
        "method": turn.method,
        "degraded": classification.degraded,
        "fallbacks": fallbacks_of(classification),
        "workflow_phase": phase,
        "success": True,
        "request_id": context.request_id,
        "execution_time_seconds": round(context.elapsed_s(), 6),
    }

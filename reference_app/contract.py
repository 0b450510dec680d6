"""The words that the parts of the service share: intents, phases, reasons, requests and answers.

Wire names are the enum values; log lines carry phase names in capitals, as operators know them.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

MESSAGE_CHARACTERS_MAX = 10_000
CONTEXT_BYTES_MAX = 16 * 1024
CONFIDENCE_MIN = 0.7
"""A level's answer is taken only above this confidence (exclusive)."""


class UserIntent(StrEnum):
    """What the user wants, in the service's own words."""

    EMAIL_REQUEST = "email_request"
    HELP_REQUEST = "help_request"
    GREETING = "greeting"
    OCM_COMMUNICATION = "ocm_communication"
    DOCUMENT_GENERATION = "document_generation"
    DATA_ANALYSIS = "data_analysis"
    CONTENT_CREATION = "content_creation"
    PROCESS_OPTIMIZATION = "process_optimization"
    CAPABILITIES_INQUIRY = "capabilities_inquiry"
    UNCLEAR = "unclear"
    INVALID = "invalid"


class ConversationIntent(StrEnum):
    """The labels in which the conversation-aware level answers."""

    QUESTION = "question"
    REQUEST = "request"
    COMPLAINT = "complaint"
    PRAISE = "praise"
    GENERAL_CONVERSATION = "general_conversation"
    ESCALATION = "escalation"
    COMPLETION = "completion"


class WorkflowType(StrEnum):
    """The kind of work a turn belongs to, as the client names it."""

    UNIVERSAL_GENERAL = "universal_general"
    OCM_COMMUNICATIONS = "ocm_communications"
    DOCUMENT_GENERATION = "document_generation"
    DATA_ANALYSIS = "data_analysis"
    CONTENT_CREATION = "content_creation"
    PROCESS_DESIGN = "process_design"
    EMAIL_WORKFLOW = "email_workflow"


class WorkflowPhase(StrEnum):
    """Where a session stands; it changes only by `NEXT_PHASE`."""

    INITIALIZATION = "initialization"
    BATCH_DISCOVERY = "batch_discovery"
    STRATEGY_ANALYSIS = "strategy_analysis"
    STRATEGY_CONFIRMATION = "strategy_confirmation"
    GENERATION = "generation"
    REVIEW = "review"
    DELIVERY = "delivery"


class Method(StrEnum):
    """The level of the chain that answered."""

    CONVERSATION_AWARE = "conversation_aware"
    STRUCTURED_LLM = "structured_llm"
    PATTERN = "pattern"


class FallbackReason(StrEnum):
    """Why a level did not answer: a closed set, in the order in which it is checked."""

    NO_PROVIDER = "no_provider"
    CIRCUIT_OPEN = "circuit_open"
    DEADLINE = "deadline"
    CONNECT_FAILED = "connect_failed"
    READ_TIMEOUT = "read_timeout"
    POOL_TIMEOUT = "pool_timeout"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    PROVIDER_ERROR = "provider_error"
    UNAUTHORIZED = "unauthorized"
    BAD_REQUEST = "bad_request"
    INVALID_ENVELOPE = "invalid_envelope"
    TRUNCATED = "truncated"
    CONTENT_FILTERED = "content_filtered"
    REFUSED = "refused"
    INVALID_JSON = "invalid_json"
    SCHEMA_MISMATCH = "schema_mismatch"
    UNKNOWN_LABEL = "unknown_label"
    LOW_CONFIDENCE = "low_confidence"


ANSWERS_NOT_FAULTS = frozenset(
    {FallbackReason.CONTENT_FILTERED, FallbackReason.REFUSED, FallbackReason.LOW_CONFIDENCE}
)
"""Reasons that are an honest answer of a healthy provider: the turn falls through but is not degraded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """One level that was tried and did not answer."""

    level: Method
    reason: FallbackReason
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One acknowledged user message with its answer; `sequence` counts from 1 in a session."""

    sequence: int
    message: str
    response: str
    intent: UserIntent
    method: Method
    request_id: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationState:
    """What the chain may know of a session: its earlier turns in order, and its phase."""

    turns: tuple[Turn, ...] = ()
    phase: WorkflowPhase = WorkflowPhase.INITIALIZATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What the chain answers; `reply` is the text for the user, `fallbacks` the levels that fell through."""

    intent: UserIntent
    confidence: float
    method: Method
    reply: str
    fallbacks: tuple[Fallback, ...] = field(default=())

    @property
    def degraded(self) -> bool:
        """True when any level fell through because of a fault, not because of an honest answer."""
        return any(fallback.reason not in ANSWERS_NOT_FAULTS for fallback in self.fallbacks)


class ExecuteRequest(BaseModel):
    """The body of `POST /workflow/execute`."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_CHARACTERS_MAX)
    ]
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    workflow_type: WorkflowType = WorkflowType.UNIVERSAL_GENERAL
    context: dict[str, Any] | None = None

    @field_validator("context")
    @classmethod
    def _small_json(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        """Refuse a context over its bytes (written without blanks), and NaN and the infinities, which JSON has not."""
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except ValueError:
            raise PydanticKnownError("finite_number") from None
        if len(text.encode()) > CONTEXT_BYTES_MAX:
            raise PydanticCustomError("too_long", "the context is too long")
        return value


class ClassifyRequest(BaseModel):
    """The body of `POST /intent/classify`."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, StringConstraints(max_length=MESSAGE_CHARACTERS_MAX)]


class FallbackModel(BaseModel):
    """One entry of `fallbacks` in an answer."""

    level: Method
    reason: FallbackReason
    elapsed_ms: float


class ClassifyResponse(BaseModel):
    """The answer of `POST /intent/classify`."""

    intent: UserIntent
    confidence: Annotated[float, Field(ge=0, le=1)]
    method: Method
    degraded: bool
    fallbacks: list[FallbackModel]
    request_id: str


class ExecuteResponse(BaseModel):
    """The 200 of `POST /workflow/execute`: the turn is committed before this leaves."""

    session_id: str
    turn: int
    response: str
    intent: UserIntent
    confidence: Annotated[float, Field(ge=0, le=1)]
    method: Method
    degraded: bool
    fallbacks: list[FallbackModel]
    workflow_phase: WorkflowPhase
    success: Literal[True]
    request_id: str
    execution_time_seconds: float


class TurnModel(BaseModel):
    """One turn of `GET /sessions/{id}`."""

    turn: int
    message: str
    response: str
    intent: UserIntent
    method: Method
    request_id: str
    created_at: str


class SessionResponse(BaseModel):
    """The answer of `GET /sessions/{id}`."""

    session_id: str
    workflow_phase: WorkflowPhase
    turns: list[TurnModel]
    created_at: str
    updated_at: str


def confidence_is_valid(value: object) -> bool:
    """True for a finite number in 0..1; bool, NaN, infinities and numeric strings are not confidences."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= 1

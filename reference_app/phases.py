"""How a session moves through its phases: one table, and no other way."""

from collections.abc import Mapping
from types import MappingProxyType

from reference_app.contract import UserIntent, WorkflowPhase

WORK = (
    UserIntent.EMAIL_REQUEST,
    UserIntent.OCM_COMMUNICATION,
    UserIntent.DOCUMENT_GENERATION,
    UserIntent.DATA_ANALYSIS,
    UserIntent.CONTENT_CREATION,
    UserIntent.PROCESS_OPTIMIZATION,
)
"""Intents that move work forward; a greeting, a question for help or an unclear message leaves the phase as it is."""

_AFTER = {
    WorkflowPhase.INITIALIZATION: WorkflowPhase.BATCH_DISCOVERY,
    WorkflowPhase.BATCH_DISCOVERY: WorkflowPhase.STRATEGY_ANALYSIS,
    WorkflowPhase.STRATEGY_ANALYSIS: WorkflowPhase.STRATEGY_CONFIRMATION,
    WorkflowPhase.STRATEGY_CONFIRMATION: WorkflowPhase.GENERATION,
    WorkflowPhase.GENERATION: WorkflowPhase.REVIEW,
    WorkflowPhase.REVIEW: WorkflowPhase.DELIVERY,
    # What is delivered is done: new work begins at its discovery.
    WorkflowPhase.DELIVERY: WorkflowPhase.BATCH_DISCOVERY,
}

NEXT_PHASE: Mapping[tuple[WorkflowPhase, UserIntent], WorkflowPhase] = MappingProxyType(
    {
        (phase, intent): _AFTER[phase] if intent in WORK else phase
        for phase in WorkflowPhase
        for intent in UserIntent
    }
)
"""The phase after a turn, by the phase before it and the intent of the turn; total."""

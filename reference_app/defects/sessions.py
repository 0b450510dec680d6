"""Mistakes in what is kept of a conversation."""

from dataclasses import replace
from functools import partial

from reference_app.components import Components, make_workflow
from reference_app.context import RequestContext
from reference_app.contract import ConversationState, WorkflowPhase
from reference_app.defects.catalog import Defect
from reference_app.workflow import Asked, Workflow, note


class ForgetfulWorkflow(Workflow):
    """Begins every request from new state; what was stored is kept and never looked at."""

    async def attempt(self, asked: Asked, context: RequestContext) -> bytes:
        """Classify the message as if it were the first of a new session."""
        head, _ = await self.state(asked, context)
        state = ConversationState()
        if not asked.is_first:
            phase = WorkflowPhase.INITIALIZATION.name
            self._sessions_log.info("new_session_initialized", workflow_phase=phase, session=context.session)
        self._conversation_log.info(
            "conversation_context_built", has_history=False, messages_count=0, session=context.session
        )
        classification = await self.classify(asked.request.message, state)
        note(context, classification)
        return await self.keep(asked, head, state, classification, context)


def _apply(components: Components) -> Components:
    return replace(components, workflow=partial(make_workflow, kind=ForgetfulWorkflow))


DEFECTS = (
    Defect(
        name="history_lost",
        incident_class="C12",
        sources=("emergency plan, incident 4", "RasaHQ/rasa#7921"),
        summary="every request begins from new state: the second turn knows nothing of the first",
        reasons=("sessions.history_preserved",),
        apply=_apply,
    ),
)

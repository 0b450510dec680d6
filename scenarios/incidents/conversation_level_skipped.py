"""A healthy provider, and yet every answer came from the lower level.

The classifier saw that an event loop was running, could not call async code from its sync entry, and logged
`conversation_aware_classification_skipped async_context_detected fallback=structured_llm`. Users lost the thread of
their conversations while every request still ended with 200. Nothing but the provider's own record of its calls
shows that the conversation-aware level was never asked.
"""

from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("async_context_skip", "thread_per_call_bridge"),
    steps=(
        Turn(),
        Turn(message="Please send an e-mail about {canary} to my team."),
        Turn(session="b"),
        Parallel(steps=(Turn(), Turn(session="b"), Turn(session="c"))),
    ),
)

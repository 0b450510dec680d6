"""The second turn of a conversation knew nothing of the first.

Each request began from new state: `new_session_initialized` on every turn, and `conversation_context_built
has_history=false` where there was a history. The answers were fluent, so nobody noticed but the users. Two
conversations run interleaved with a canary in every message, across a restart, and the provider must be told every
earlier turn of its own session and none of the other's.
"""

from harness.scenario import Parallel, Restart, Scenario, Turn

SCENARIO = Scenario(
    defects=("history_lost",),
    steps=(
        Turn(),
        Turn(session="b", message="Remember {canary}, please."),
        Parallel(
            steps=(Turn(message="My word is {canary}."), Turn(session="b", message="Now it is {canary}."))
        ),
        Restart(),
        Turn(message="And {canary}?", idempotency_key="once", retries=1),
        Parallel(steps=(Turn(message="Last {canary}."), Turn(session="b", message="Good-bye {canary}."))),
    ),
)

"""A client asked again, and what it had asked for was done twice.

The answer was lost on its way or came too late, and the client sent the same request again under the same
Idempotency-Key. Nobody looked at the key: the turn was held once more, the model was paid twice, and from then on the
history had the message twice. In two conversations turns are repeated under their key, after the answer and while the
first is under way, and for each key there must be one answer and one turn.
"""

from harness.faults import ClientDuplicate
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("retry_reruns_turn",),
    faults=(ClientDuplicate(window=Window(from_step=2, until_step=2)),),
    steps=(
        Parallel(steps=(Turn(message=f"Hello, {CANARY}."), Turn(session="b", message=f"Hello, {CANARY}."))),
        Parallel(
            steps=(
                Turn(message=f"Order {CANARY}.", idempotency_key="first", retries=1),
                Turn(session="b", message=f"Order {CANARY}.", idempotency_key="first", retries=1),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Send {CANARY}."),
                Turn(message=f"And {CANARY}."),
                Turn(session="b", message=f"Send {CANARY}."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
        Parallel(steps=(Turn(message=f"What of {CANARY}?"), Turn(session="b", message=f"And {CANARY}?"))),
    ),
)

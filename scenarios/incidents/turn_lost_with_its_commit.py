"""The answer was sent, and then the commit failed.

The writer of the session store answered each turn as soon as its rows were written, and committed afterwards. While
the disk was well nobody could tell; when it was full for some seconds, turns were answered 200 whose commits failed,
and nothing knew of them afterwards, neither the user's history nor the model. Commits fail in the middle of two
conversations, and of whatever is answered 200 there every turn must be stored, and told to the model later.
"""

from harness.faults import StoreCommitFails
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("ack_before_commit", "persist_after_reply"),
    faults=(StoreCommitFails(window=Window(from_step=1, until_step=1, first_n=2)),),
    steps=(
        Parallel(steps=(Turn(message=f"Hello, {CANARY}."), Turn(session="b", message=f"Hello, {CANARY}."))),
        Parallel(
            steps=(
                Turn(message=f"What of {CANARY}?"),
                Turn(message=f"And {CANARY}?"),
                Turn(session="b", message=f"What about {CANARY}?"),
                Turn(session="b", message=f"And {CANARY}?"),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"What about {CANARY}?"),
                Turn(message=f"And {CANARY}?"),
                Turn(session="b", message=f"What about {CANARY}?"),
                Turn(session="b", message=f"And {CANARY}?"),
            )
        ),
        Turn(message=f"Good-bye, {CANARY}."),
    ),
)

"""A turn was answered first and stored later, if at all.

So that answers leave sooner, turns were stored by a task that nobody waited for and nobody held. On a slow disk the next
turn came before the last one was stored and did not know of it, and whichever was stored second found its place taken:
its error went nowhere, and the turn was gone. Two conversations go on without a pause over a slow disk, and each turn
must know of all before it, and be there at the end.
"""

from harness.faults import StoreSlow
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("persist_after_reply", "history_lost"),
    faults=(
        StoreSlow(
            read_s=0.0, write_s=0.0, commit_s=0.1, fsync_s=0.0, window=Window(from_step=1, until_step=3)
        ),
    ),
    steps=(
        Parallel(steps=(Turn(message=f"Hello, {CANARY}."), Turn(session="b", message=f"Hello, {CANARY}."))),
        Parallel(
            steps=(
                Turn(message=f"I have {CANARY}."),
                Turn(message=f"And {CANARY}."),
                Turn(session="b", message=f"I have {CANARY}."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
        Turn(message=f"What about {CANARY}?"),
        Turn(message=f"And {CANARY}?"),
        Turn(session="b", message=f"What of {CANARY}?"),
    ),
)

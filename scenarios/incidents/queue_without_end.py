"""The disk stood still, and the service took on work without end.

The queue of the store's writer had no bound, and whoever waited in it no deadline. So nobody was refused, and nobody was
answered: clients waited for as long as the disk did, behind all who had come before, and the memory grew with them.
While a commit is held up for four seconds two conversations go on, and strangers keep coming.
"""

from harness.faults import ClientFlood, StoreQueueFull
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("unbounded_writer_queue",),
    faults=(
        StoreQueueFull(for_s=4.0, window=Window(from_step=1, until_step=1, first_n=1)),
        ClientFlood(rate_per_s=20, count=20, window=Window(from_step=1, until_step=1, first_n=1)),
    ),
    steps=tuple(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        )
        for _ in range(3)
    ),
)

"""The disk stood still, and the service took on work without end.

The queue of the store's writer had no bound any more, nor had the number of requests that led to it. So nobody was told
that there was no room: each waited until its time was over, behind all who had come before, and could have gone
elsewhere, and the memory grew with them. While a commit is held up for four seconds two conversations go on, and three
hundred strangers come within half a second, more than are promised to be served at once: of the last ones each must be
told so at once. It is played in virtual time only: on a small machine so many clients say more of the machine than of
the service.
"""

from harness.faults import ClientFlood, StoreQueueFull
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("unbounded_writer_queue",),
    stages=("simulated",),
    faults=(
        StoreQueueFull(for_s=4.0, window=Window(from_step=1, until_step=1, first_n=1)),
        ClientFlood(rate_per_s=600, count=300, window=Window(from_step=1, until_step=1, first_n=1)),
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

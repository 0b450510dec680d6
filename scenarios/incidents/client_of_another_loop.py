"""The first call went through, and the next ones failed with the loop of another call.

One asynchronous client was cached for the process and used from whichever event loop was running, so that a connection
which one loop had opened was used again on the next. A single call always worked, which is why no unit test saw it.
When no connection is left of the turns before, the synchronous entry is called on loops that live for one call only,
three times, and then overlapping turns begin: all must be answered, by the level that is promised.
"""

from harness.faults import LoopSyncEntry, ProviderSlowFirstByte
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn, Wait

SCENARIO = Scenario(
    defects=("client_shared_across_loops",),
    stages=("live",),
    faults=(
        LoopSyncEntry(via="fresh_loop", window=Window(from_step=3, until_step=5)),
        ProviderSlowFirstByte(delay_s=0.1, window=Window(from_step=3)),
    ),
    steps=(
        Turn(session="b"),
        Turn(),
        Wait(for_s=5.5),
        Request(path="/health"),
        Request(path="/health"),
        Request(path="/health"),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
    ),
)

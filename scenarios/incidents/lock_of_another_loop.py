"""A lock that a module makes belongs to whichever event loop first has to wait for it.

The session store wrote under an `asyncio.Lock` of its module. One server never noticed; with a second one in the same
process, as a test suite, a script or an admin app starts it, turns failed with "bound to a different event loop", and
only while two of them wrote at once. Two conversations overlap on each of two servers, and then on the first alone.
"""

from harness.faults import LoopForeign
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("import_time_lock",),
    faults=(LoopForeign(window=Window(from_step=1, until_step=2)),),
    steps=(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
    ),
)

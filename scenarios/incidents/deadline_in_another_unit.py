"""Half the deadline was asked for, and a thousand times as much was given.

Whoever reads a setting in another unit than it is written in is wrong by a thousand, and a test with the usual value
may never reach it. The service is started anew with half of its deadline, and the provider is silent until that is
long over. Turns of two conversations must be given up at the new deadline, neither at once nor at the old one. A
setting is read when a process starts, so this is played live.
"""

from harness.faults import ClockUnit
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("timeout_in_milliseconds",),
    stages=("live",),
    faults=(ClockUnit(window=Window(from_step=1, until_step=1)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
            )
        ),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

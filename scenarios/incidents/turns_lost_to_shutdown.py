"""A deployment like any other, and the last turns before it were gone.

Turns were answered first and stored once a second, which is faster. The shut-down ended what went on in the background,
and closed the store without a last look at what had come together since, though its users had been told 200. Two
conversations hold turns up to the moment at which the service is stopped, and go on after it.
"""

from harness.scenario import CANARY, Parallel, Restart, Scenario, Turn

SCENARIO = Scenario(
    defects=("writer_not_flushed",),
    steps=(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"And {CANARY}."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
        Restart(),
        Parallel(
            steps=(
                Turn(message=f"What about {CANARY}?"),
                Turn(session="b", message=f"What about {CANARY}?"),
            )
        ),
        Turn(session="b"),
        Restart(),
        Parallel(
            steps=(
                Turn(message=f"Good-bye, {CANARY}."),
                Turn(session="b", message=f"Good-bye, {CANARY}."),
            )
        ),
    ),
)

"""The readiness said 200 for an hour in which no turn could be stored.

It was a constant, as in most examples: whoever can answer is ready. So the balancer kept sending while the disk was
away, and every turn was refused by an instance that called itself ready. Two conversations are held while nothing can be
written; after each turn that was not held the readiness is asked for, and again when the disk is back.
"""

from harness.faults import StoreDown
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("shallow_readiness",),
    faults=(StoreDown(on="write", ready="/ready", window=Window(from_step=1, until_step=2)),),
    steps=tuple(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"And {CANARY}?"),
            )
        )
        for _ in range(4)
    ),
)

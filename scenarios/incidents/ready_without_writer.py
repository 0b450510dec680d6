"""The part that did the work had died, and the process that held it said that it was ready.

The thread that stores the turns had ended, and nothing but that thread knew of it: the version could be asked for, the
readiness was a constant, and every turn was refused until somebody started the process anew. Two conversations are held
without the writer; after each turn that was not held the readiness is asked for, and must not say 200.
"""

from harness.faults import ProcessWorkerDead
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("shallow_readiness",),
    faults=(
        ProcessWorkerDead(worker="store-writer-0", ready="/ready", window=Window(from_step=1, until_step=3)),
    ),
    steps=tuple(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"And {CANARY}?"),
            )
        )
        for _ in range(5)
    ),
)

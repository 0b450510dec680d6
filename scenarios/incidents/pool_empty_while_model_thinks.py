"""The model was slow one afternoon, and the service failed, whose model it was not.

Each turn took a connection to the database at its beginning and gave it back at its end, and in between it waited for
the model. Five such turns emptied the pool; whoever came then waited for a connection for a second, and got an error
that nobody had thought of. Twenty conversations are held while the model takes half a second longer, well within its
time.
"""

from harness.faults import ProviderSlowFirstByte
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("connection_held_while_waiting",),
    faults=(ProviderSlowFirstByte(delay_s=0.6, window=Window(from_step=1, until_step=1)),),
    steps=(
        Turn(),
        Parallel(
            steps=(
                *(Turn(session=f"s{number}", message=f"Remember {CANARY}, please.") for number in range(20)),
                Request(path="/health"),
            )
        ),
        Turn(message="What about {canary}?"),
    ),
)

"""Forty requests were fine, and with some more nothing moved any more.

Turns were held in worker threads, of which there are forty, each with one of five connections that a dependency takes
in a worker thread, too. With sixty at once every thread waited for a connection, and the five who had got one waited for
a thread. It never showed with ten clients; so sixty conversations are opened at once, while the model takes a little
longer.
"""

from harness.faults import ProviderSlowFirstByte
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("sync_route_pool_deadlock",),
    faults=(ProviderSlowFirstByte(delay_s=0.3, window=Window(from_step=1, until_step=1)),),
    steps=(
        Turn(),
        Parallel(
            steps=(
                *(Turn(session=f"s{number}", message=f"Remember {CANARY}, please.") for number in range(60)),
                Request(path="/health"),
            )
        ),
        Turn(message="What about {canary}?"),
    ),
)

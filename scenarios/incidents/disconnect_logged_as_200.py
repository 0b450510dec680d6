"""Users closed the page because nothing came, and the log said that all of them had been served.

A request was recorded as 200 unless something else had been sent, and to a client that has left nothing is sent, or what
is sent goes nowhere without an error. So the slowest answers, which nobody waited for, were recorded as complete and
successful, and the latency that drove users away was in no graph of failures. The provider takes its time, clients of
two conversations leave while it is asked, and others stay: each request must be recorded, and counted, as what became
of it.
"""

from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("disconnect_logged_as_200",),
    faults=(ProviderNoReply(for_s=0.4, window=Window(from_step=1, until_step=2)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Disconnect(message="What of {canary}?"),
                Disconnect(session="b", message="And of {canary}?"),
                Turn(session="c"),
            )
        ),
        Parallel(steps=(Disconnect(session="b"), Turn(), Turn(session="c"))),
        Turn(session="b"),
    ),
)

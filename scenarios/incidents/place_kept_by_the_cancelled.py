"""One client left in the middle of its answer, and the next one was told that there were too many requests.

The place that a request takes was given back after its answer and under `except Exception`, which a cancellation passes
by, be it that of a client that leaves or that of a server. The counter of what is in flight never came down again, and
the limit was reached by requests that had long been over. Clients of two conversations leave before their answers and
within streams, and requests are cancelled: afterwards nothing is in flight.
"""

from harness.faults import LoopCancel, ProviderNoReply
from harness.rig import Window
from harness.scenario import Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("slot_leak_on_cancel",),
    faults=(
        ProviderNoReply(for_s=0.6, window=Window(from_step=1, until_step=1)),
        LoopCancel(after_s=0.004, window=Window(from_step=2, until_step=2)),
    ),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(
            steps=(
                Disconnect(message="What about {canary}?"),
                Turn(message="And about {canary}?"),
                Disconnect(session="b", message="What about {canary}?"),
                Turn(session="b", message="And about {canary}?", stream=True),
            )
        ),
        Parallel(
            steps=(
                Turn(message="Look at {canary}."),
                Turn(session="b", message="Read {canary}.", stream=True),
                Turn(session="b", message="Please write an e-mail about {canary}."),
            )
        ),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

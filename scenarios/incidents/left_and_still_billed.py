"""The users had gone, and the model went on writing for them.

Nobody in the service watched for a client that leaves, so each call to the provider ran to its end and was billed, and
the next turn of the same conversation waited behind one that nobody wanted. The log counted them as answered with 200.
The clients of two conversations leave while the provider is silent, then one of each leaves and one stays: the calls of
those who left must end with them, and what is kept must be whole.
"""

from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("disconnect_ignored", "half_turn_on_cancel", "base_http_middleware"),
    faults=(ProviderNoReply(for_s=5.0, window=Window(from_step=1, until_step=2)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(
            steps=(
                Disconnect(message="Hello, {canary}.", after_s=0.15),
                Disconnect(session="b", message="Hello, {canary}.", after_s=0.15),
            )
        ),
        Parallel(
            steps=(
                Disconnect(message="What about {canary}?"),
                Turn(message="And about {canary}?"),
                Disconnect(session="b", message="What about {canary}?"),
                Turn(session="b", message="And about {canary}?"),
            )
        ),
        Parallel(steps=(Turn(message="Look at {canary}."), Turn(session="b", message="Read {canary}."))),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

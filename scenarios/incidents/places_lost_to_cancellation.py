"""Every request was refused until the service was started again, and nothing was being served.

The place that a request takes was given back after its answer and under `except Exception`, which a cancellation passes
by: each client that left took one place with it for good. It took weeks until the last was gone, and then the service
said that it was at its limit. As many clients as there are places ask and leave, twenty at a time; two conversations
that began before must go on as if there had been none of them. So many clients are played where they cost nothing.
"""

from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("slot_leak_on_cancel",),
    stages=("simulated",),
    faults=(ProviderNoReply(for_s=5.0, window=Window(from_step=1, until_step=13)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        *(
            Parallel(
                steps=tuple(
                    Disconnect(session=f"left-{part}-{one}", message="Hello, {canary}.", after_s=0.25)
                    for one in range(20)
                )
            )
            for part in range(13)
        ),
        Parallel(steps=(Turn(message="What about {canary}?"), Turn(session="b", message="And {canary}?"))),
        Turn(session="c"),
    ),
)

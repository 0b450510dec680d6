"""Six users closed their browser tabs, and the provider was declared dead.

Whoever leaves cancels the call that was made for him, and the circuit breaker counted every call that did not come
back as a failure of the provider. After a few of them nobody was allowed to ask: everybody else was answered from a
lower level, while the provider was well. Six clients leave at once while a slow provider is asked for them; whoever
comes next must be answered by the conversation-aware level.
"""

from harness.faults import ProviderSlowFirstByte
from harness.rig import Window
from harness.scenario import CANARY, Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("breaker_counts_cancel",),
    faults=(ProviderSlowFirstByte(delay_s=0.8, window=Window(from_step=1, until_step=1)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=tuple(
                Disconnect(session=f"left-{number}", message=f"Never mind {CANARY}.", after_s=0.4)
                for number in range(6)
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(message=f"And at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"And at {CANARY}?"),
            )
        ),
        Turn(),
    ),
)

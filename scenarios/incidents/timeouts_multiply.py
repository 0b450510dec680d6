"""A timeout of two seconds was set, and turns took four, and then for ever.

Each level of the chain was given the whole timeout, so that a silent provider cost the sum of them. The cure was a read
timeout, which begins anew with every byte: of a provider that dripped its answer nobody ever had enough. Two
conversations meet a provider that says nothing, and then one that says it in drops; every turn must be answered within
the deadline, and no call may outlive it.
"""

from harness.faults import ProviderNoReply, ProviderSlowDrip
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("timeouts_add_up", "per_read_timeout_only"),
    faults=(
        ProviderNoReply(for_s=8.0, window=Window(from_step=1, until_step=1, first_n=4)),
        ProviderSlowDrip(
            interval_s=0.4,
            chunk_bytes=40,
            window=Window(from_step=3, until_step=3, first_n=4),
        ),
    ),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
                Request(path="/health"),
            )
        ),
        Turn(),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
                Request(path="/health"),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
                Request(path="/health"),
            )
        ),
    ),
)

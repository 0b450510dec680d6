"""The timeout said 1100, the client took it for seconds, and a silent provider was waited for all morning.

A setting in milliseconds was passed on to a library that counts in seconds. As long as the provider answered, no
timeout was ever reached, so nothing showed it. Two conversations meet a provider that says nothing for longer than any
deadline: every turn must be answered in time, and its call must end with it.
"""

from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("timeout_in_milliseconds", "timeouts_add_up"),
    faults=(ProviderNoReply(for_s=5.0, window=Window(from_step=1, until_step=1, first_n=4)),),
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
    ),
)

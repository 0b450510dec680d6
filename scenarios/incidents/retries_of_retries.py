"""One message, twelve calls, while the provider asked everybody to come less often.

The client tried twice, the layer around it three times, and each level of the chain anew; nobody had multiplied them,
and no layer logged what the one below it did. The cure was one layer that does as it is told: it waited for as long as
Retry-After said, long after whoever had asked was gone. Two conversations are told to come back soon, and then to come
back after the deadline.
"""

from harness.faults import ProviderRateLimited
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("nested_retries", "retry_after_past_deadline"),
    faults=(
        ProviderRateLimited(retry_after=0.02, window=Window(from_step=1, until_step=1)),
        ProviderRateLimited(retry_after=3.0, window=Window(from_step=3, until_step=3, first_n=4)),
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

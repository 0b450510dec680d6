"""The provider asked for patience, and the whole server went to sleep.

Between two attempts the client called `time.sleep` on the event loop's own thread, for as long as Retry-After said.
Whoever else was being served waited with it, one backoff after the other: turns that the provider had answered, and
the health checks by which the service was then taken for dead. Two conversations are told to come back in 0.6 seconds,
while the health is asked for.
"""

from harness.faults import ProviderRateLimited
from harness.rig import Window
from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("blocking_backoff",),
    faults=(ProviderRateLimited(retry_after=0.6, window=Window(from_step=1, until_step=2, first_n=4)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Turn(message="What about {canary}?"),
                Turn(session="b", message="And {canary}?"),
                Turn(session="c", message="Hello, {canary}."),
                Turn(session="d", message="Good morning, {canary}."),
                Request(path="/health"),
            )
        ),
        Parallel(steps=(Turn(), Request(path="/health"), Turn(session="b"))),
        Turn(session="b"),
    ),
)

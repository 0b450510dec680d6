"""Clients left, and the provider went on working for them; the log said that all was well.

The outermost layer was a `BaseHTTPMiddleware`, behind which the app runs in a task of its own: the layer sees the head
of an answer, not that the client has gone, and not how a stream ends. So the calls of abandoned turns ran to their
end and were billed, and a turn whose client had left was logged as a success. Of two overlapping conversations each
loses a client while the provider thinks, and streams break off at the provider.
"""

from harness.faults import ProviderSlowFirstByte, ProviderStreamCut
from harness.rig import Window
from harness.scenario import CANARY, Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("base_http_middleware",),
    faults=(
        ProviderSlowFirstByte(delay_s=1.0, window=Window(from_step=1, until_step=1)),
        ProviderStreamCut(after_chunks=-1, window=Window(from_step=2, until_step=2)),
    ),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Disconnect(message=f"What about {CANARY}?"),
                Disconnect(session="b", message=f"And {CANARY}?"),
                Turn(session="c", message=f"Remember {CANARY}."),
            )
        ),
        Parallel(
            steps=(
                Turn(stream=True, message=f"Tell me of {CANARY}."),
                Turn(session="b", stream=True, message=f"And of {CANARY}."),
            )
        ),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

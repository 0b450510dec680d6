"""Two conversations whose answers come as streams, beside two that come whole.

A stream can end in ways in which an answer cannot: in its middle, in silence, or with an error inside a 200. What it
has shown by then must not be taken for the whole. Somebody asks meanwhile whether the service is well.
"""

from harness.scenario import CANARY, HEALTH, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    steps=(
        Parallel(
            steps=(
                Turn(session="a", message=f"Remember {CANARY}, please.", stream=True),
                Turn(session="b", message=f"Remember {CANARY}, please.", stream=True),
            )
        ),
        Parallel(
            steps=(
                Turn(session="a", message=f"Could you look at {CANARY}?", stream=True),
                Turn(session="a", message=f"And at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?", stream=True),
                Turn(session="b", message=f"And at {CANARY}?"),
                Request(path=HEALTH),
            )
        ),
        Turn(session="a", message=f"Please write an e-mail about {CANARY}.", stream=True),
        Parallel(
            steps=(
                Turn(session="a", message=f"What about {CANARY}?", stream=True),
                Turn(session="b", message=f"What about {CANARY}?", stream=True),
            )
        ),
    ),
)

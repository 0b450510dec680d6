"""Forty-five conversations at once, and somebody who asks whether the service is well.

A pool of forty worker threads, of connections or of slots shows its end only to the one who comes too late: with two
conversations nothing is ever exhausted.
"""

from harness.scenario import CANARY, HEALTH, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    steps=(
        Turn(session="first", message=f"Remember {CANARY}, please."),
        Parallel(
            steps=(
                *(Turn(session=f"s{number}", message=f"Remember {CANARY}, please.") for number in range(45)),
                Request(path=HEALTH),
            )
        ),
        Turn(session="first", message=f"What about {CANARY}?"),
    ),
)

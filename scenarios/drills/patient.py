"""Two conversations, the first of which goes on when whatever was broken should be well again.

What breaks and mends more than once must be got over each time, and not at the end alone: between its turns this drill
waits as long as the contract gives a service for that.
"""

from harness.scenario import CANARY, Parallel, Scenario, Turn, Wait

SCENARIO = Scenario(
    steps=(
        Turn(session="a", message=f"Remember {CANARY}, please."),
        Parallel(
            steps=(
                Turn(session="a", message=f"Could you have a look at {CANARY}? Grüße"),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Wait(for_s=1.0, recovery=True),
        Turn(session="a", message=f"Please write an e-mail about {CANARY}."),
        Turn(session="b", message=f"What about {CANARY}?"),
        Turn(session="a", message=f"What about {CANARY}?"),
    ),
)

"""Two conversations at once, each with requests that overlap.

Every message holds a word that exists once in the run, so that whatever gets lost, repeated or into the other
conversation can be seen. One turn is sent twice under a key, where the service has keys. Somebody asks meanwhile
whether the service is well: that is told while turns wait. The first step opens the conversations and the last one
shows whether all is well again: a fault belongs between them.
"""

from harness.scenario import CANARY, HEALTH, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    steps=(
        Parallel(
            steps=(
                Turn(session="a", message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Parallel(
            steps=(
                Turn(session="a", message=f"Could you have a look at {CANARY}? Grüße"),
                Turn(session="a", message=f"Und an {CANARY}? Schöne Grüße"),
                Turn(session="b", message=f"Could you have a look at {CANARY}? Grüße"),
                Turn(session="b", message=f"Und an {CANARY}? Schöne Grüße"),
                Request(path=HEALTH),
            )
        ),
        Turn(
            session="a", message=f"Please write an e-mail about {CANARY}.", idempotency_key="once", retries=1
        ),
        Parallel(
            steps=(
                Turn(session="a", message=f"What about {CANARY}?"),
                Turn(session="b", message=f"What about {CANARY}?"),
            )
        ),
    ),
)

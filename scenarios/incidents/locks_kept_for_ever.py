"""It grew by a little with every user who came, and was restarted every Sunday.

Each conversation had a lock, so that its turns are held one after the other, and the dictionary of the locks was never
cleaned: nobody leaves a conversation, one only does not come back. No request failed, and no test had more than three
sessions. Three hundred conversations of two turns each are held, and when all is quiet nothing may be left of them in the
process.
"""

from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("session_locks_never_freed",),
    steps=tuple(
        Parallel(
            steps=tuple(Turn(session=f"{block}-{n}", message=f"Hello from {CANARY}.") for n in range(15))
        )
        for block in range(20)
        for _ in range(2)
    ),
)

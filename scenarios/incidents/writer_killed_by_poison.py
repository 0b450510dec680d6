"""One request that could not be done, and nobody was served any more.

Somebody asked to forget a session that there had never been. The store's writer had never met a job that fails: the
error ended its thread, and that request was the last thing it ever did. The process lived, its health was good, and
every turn after it was refused. Two conversations go on beside the request and after it.
"""

from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("poison_turn_kills_writer",),
    steps=(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Request(method="DELETE", path="/sessions/there-has-never-been-one"),
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"Remember {CANARY}, please."),
            )
        ),
        Request(path="/health"),
        Turn(session="b"),
    ),
)

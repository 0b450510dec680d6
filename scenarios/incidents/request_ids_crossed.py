"""Six requests overlapped, and the log told the story of one of them six times.

The request id lay in a variable of the process, where each request put its own and every record took the last. One
request at a time was told right, so that nobody missed anything until the log was needed. Requests overlap on the
async route and on the `def` route, which works in threads: each must be answered under its own id, and have its own
completion record with the status that it was sent.
"""

from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("request_id_global",),
    steps=(
        Turn(),
        Parallel(
            steps=(
                *tuple(Turn(session=session, message=f"Remember {CANARY}, please.") for session in "abc"),
                *tuple(
                    Request(
                        method="POST",
                        path="/intent/classify",
                        body={"message": f"Please write e-mail {number}."},
                    )
                    for number in range(3)
                ),
            )
        ),
        Parallel(steps=(Turn(), Turn(session="b"), Request(path="/sessions/no-such-session"))),
        Turn(session="b"),
    ),
)

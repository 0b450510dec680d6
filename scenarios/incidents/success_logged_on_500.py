"""The client was sent 500 and the log said success.

An inner layer decided about success before there was an answer, and wrote `api_request_complete status_code=500
success=true` when the turn could not be kept. Dashboards that counted successes stayed green during the outage. Two cures
were no better: one that left the inner record in place beside a new one, and one that let there be no 500 by answering
every failure with 200. Turns are held, refused, and cannot be stored: the status on the wire, the completion record,
the response counter and what was kept must tell one story for every request.
"""

from harness.faults import StoreCommitFails
from harness.rig import Window
from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("success_logged_on_500", "duplicate_completion_record", "error_in_200_body"),
    faults=(StoreCommitFails(window=Window(from_step=2, until_step=2)),),
    steps=(
        Turn(),
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(steps=(Turn(), Turn(session="b"))),
        Request(path="/sessions/no-such-session"),
        Request(method="POST", path="/workflow/execute", body={"message": "   "}),
        Request(
            method="POST", path="/workflow/execute", raw=b"{", headers={"content-type": "application/json"}
        ),
    ),
)

"""The client was sent 500 and the log said success.

An inner layer decided about success before the answer was built, and wrote `api_request_complete status_code=500
success=true` when building it failed. Dashboards that counted successes stayed green during the outage. The status
on the wire, the completion record and the response counter must tell one story for every request.
"""

from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("success_logged_on_500",),
    steps=(
        Turn(),
        Parallel(steps=(Turn(), Turn(session="b"))),
        Request(path="/sessions/no-such-session"),
        Request(method="POST", path="/workflow/execute", body={"message": "   "}),
        Request(
            method="POST", path="/workflow/execute", raw=b"{", headers={"content-type": "application/json"}
        ),
    ),
)

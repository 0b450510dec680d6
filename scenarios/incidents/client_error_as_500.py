"""The client sent a wrong value, and the service said that it had failed itself.

The body was made a model by hand, and what the model said of an unknown value or a text that was too long was no error
that the framework answers with 422: it went up as any bug does. Clients that retry a 500 sent the same bad bytes again,
and alarms woke people for somebody else's typing error. A stranger sends an object where a text belongs, then others a
message that is too long, a kind of workflow that there is not, and a field that nobody knows, while two conversations
go on: all of it must be refused with 4xx, and nobody else notices.
"""

from harness.faults import ClientGarbageBody
from harness.rig import Window
from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("client_error_as_500",),
    faults=(ClientGarbageBody(form="wrong_type", window=Window(from_step=1, until_step=1, first_n=1)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Turn(),
                Request(method="POST", path="/workflow/execute", body={"message": "long " * 3000}),
                Turn(session="b"),
                Request(
                    method="POST",
                    path="/workflow/execute",
                    body={"message": "Hello", "workflow_type": "no_such_type"},
                ),
            )
        ),
        Request(method="POST", path="/workflow/execute", body={"message": "Hello", "mesage": "Hello"}),
    ),
)

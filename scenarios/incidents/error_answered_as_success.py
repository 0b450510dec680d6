"""The service apologised, with a 200.

A catch-all around the handler turned every error into an answer with kind words in it, so that no user saw an error and
no dashboard a failure. Clients took the turn for held and never repeated it, though it was stored nowhere; gateways and
SDKs, which retry by status, had nothing to retry. Two conversations go on while commits fail, and a stranger sends what
is no JSON: what was not kept must not be acknowledged, and what is bad must be refused.
"""

from harness.faults import ClientGarbageBody, StoreCommitFails
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("error_in_200_body",),
    faults=(
        StoreCommitFails(window=Window(from_step=1, until_step=1)),
        ClientGarbageBody(form="truncated_json", window=Window(from_step=2, until_step=2, first_n=1)),
    ),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(
            steps=(
                Turn(message="My word is {canary}.", idempotency_key="once", retries=1),
                Turn(session="b", message="Now it is {canary}."),
            )
        ),
        Parallel(steps=(Turn(), Turn(session="b", message="And {canary}?"))),
    ),
)

"""The fallback answered, and the reply said that the primary model had.

The provider failed, a lower level of the chain stood in for it, and the answer carried the name of the model that had
been asked for; no log line told of the failure. Dashboards by model stayed as they were, bills went to the wrong one,
and nobody could find out why the answers had become worse. Two conversations go on through a failure of the provider:
while it lasts, no answer may say that it is the primary level's.
"""

from harness.faults import ProviderServerError
from harness.invariants.spoilt import not_by_primary
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("fallback_unnamed",),
    faults=(ProviderServerError(status=500, window=Window(from_step=1, until_step=2, level="conversation")),),
    invariants=(not_by_primary(1, 2),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(steps=(Turn(message="What about {canary}?"), Turn(session="b", message="And {canary}?"))),
        Turn(session="b", message="Please write an e-mail about {canary}."),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

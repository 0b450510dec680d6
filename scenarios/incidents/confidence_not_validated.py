"""The model was surer than sure, and was believed.

Where a number from 0 to 1 was asked for the model wrote NaN, or 1.7. Compared with the threshold NaN is not too low,
and 1.7 is high enough, so the answer was taken, and went to clients that could not read it or took it for certain.
Two conversations are answered so, together and one after the other: such an answer is none, and the next level's turn.
"""

from harness.faults import ProviderBadScore
from harness.invariants.spoilt import not_by_primary
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("unvalidated_confidence",),
    faults=(
        ProviderBadScore(value=float("nan"), window=Window(from_step=1, until_step=1, level="conversation")),
        ProviderBadScore(value=1.7, window=Window(from_step=2, until_step=3, level="conversation")),
    ),
    invariants=(not_by_primary(1, 2, 3),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(steps=(Turn(message="What about {canary}?"), Turn(session="b", message="And {canary}?"))),
        Parallel(steps=(Turn(message="Look at {canary}."), Turn(session="b", message="Read {canary}."))),
        Turn(message="Please write an e-mail about {canary}.", stream=True),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

"""The answer stopped in the middle of a sentence, and nobody had noticed that it was not whole.

The model ran out of tokens, and said so by `finish_reason` `length`, which the client did not read. Most answers that
were cut so could not be parsed, and fell through to the next level; where the JSON happened to close, the half of a
reply went out as the whole one, and into the history. Two conversations are answered so: a part is never an answer.
"""

from harness.faults import ProviderFinishLength
from harness.invariants.spoilt import not_by_primary
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("truncated_json_accepted",),
    faults=(
        ProviderFinishLength(
            content="valid_prefix", window=Window(from_step=1, until_step=2, level="conversation")
        ),
    ),
    invariants=(not_by_primary(1, 2),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b", message="Remember {canary}, please."))),
        Parallel(steps=(Turn(message="What about {canary}?"), Turn(session="b", message="And {canary}?"))),
        Turn(session="b", message="Please write an e-mail about {canary}."),
        Parallel(steps=(Turn(), Turn(session="b"))),
    ),
)

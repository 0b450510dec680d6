"""The answer stopped in the middle of a word, with 200 and no error, and the fallback was never tried.

The provider's stream ended in order, only that `[DONE]` was missing; the client took the end of the body for the end of
the answer, and a forgiving parser closed what was open in it. Half of a reply went out under `done`, was kept, and was
told to the model on the next turn as what it had said. Two conversations stream while the provider's streams end so:
each must end in an error, or in another level's answer, and what follows must know of no half.
"""

from harness.faults import ProviderStreamCut
from harness.invariants.spoilt import not_by_primary
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("clean_eof_is_done",),
    faults=(
        ProviderStreamCut(
            after_chunks=9, how="ended", window=Window(from_step=1, until_step=1, level="conversation")
        ),
        ProviderStreamCut(
            after_chunks=2, how="ended", window=Window(from_step=2, until_step=2, level="conversation")
        ),
    ),
    invariants=(not_by_primary(1, 2),),
    steps=(
        Parallel(
            steps=(
                Turn(message="Remember {canary}, please.", stream=True),
                Turn(session="b", message="Remember {canary}, please.", stream=True),
            )
        ),
        Parallel(
            steps=(
                Turn(message="What about {canary}?", stream=True),
                Turn(session="b", message="And {canary}?", stream=True),
                Turn(session="b", message="And then {canary}?", stream=True),
            )
        ),
        Parallel(
            steps=(
                Turn(message="Look at {canary}.", stream=True),
                Turn(session="b", message="Read {canary}.", stream=True),
            )
        ),
        Parallel(
            steps=(
                Turn(message="What was {canary}?"),
                Turn(session="b", message="Please write an e-mail about {canary}.", stream=True),
            )
        ),
    ),
)

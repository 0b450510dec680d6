"""Five messages were sent at once, all were answered, and one of them was kept.

Each turn read the whole history, waited for the model, and wrote the whole history back; no version said that another
turn had come between. Somebody who sends two messages in a row, or has the conversation open twice, lost what was said
first, although it had been answered 200. Two conversations are each sent several turns at once, and whatever is
acknowledged must be stored, once and under its own number.
"""

from harness.faults import ClientParallelTurns
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("last_writer_wins", "history_lost"),
    faults=(ClientParallelTurns(n=4, window=Window(from_step=2, until_step=2, first_n=1)),),
    steps=(
        Parallel(steps=(Turn(message=f"Hello, {CANARY}."), Turn(session="b", message=f"Hello, {CANARY}."))),
        Parallel(
            steps=(
                Turn(message=f"First {CANARY}."),
                Turn(message=f"Then {CANARY}."),
                Turn(session="b", message=f"First {CANARY}."),
                Turn(session="b", message=f"Then {CANARY}."),
            )
        ),
        Parallel(steps=(Turn(message=f"Many {CANARY}."), Turn(session="b", message=f"And {CANARY}."))),
        Parallel(steps=(Turn(message=f"What of {CANARY}?"), Turn(session="b", message=f"And {CANARY}?"))),
    ),
)

"""The provider refused a key, and then everybody had it.

The error of the refused call was written with all that might help: the address, the headers, and in them the key. It
went to the log, and from there to whoever keeps logs, and to the client as the detail of a 503. Two conversations meet
a provider that answers 401 and repeats the key: it may stand in no log line and in no answer.
"""

from harness.faults import ProviderSecretEcho
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("secret_in_error",),
    faults=(ProviderSecretEcho(window=Window(from_step=1, until_step=1)),),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"Could you look at {CANARY}?"),
                Turn(session="b", message=f"Could you look at {CANARY}?"),
            )
        ),
    ),
)

"""A client left in the middle of an answer, and its conversation was broken from then on.

The message was stored before the model was asked, so that nothing a user says is lost; the answer was to be stored
beside it. Where the client left meanwhile the call was cancelled as it should be, and half a turn stayed behind: a
message without an answer, with no mark on it, which every later call told to the model. In two conversations some
clients leave while the provider is asked, at once or after a while, and what is kept and told must be whole turns.
"""

from harness.faults import ClientDisconnect, ProviderSlowFirstByte
from harness.rig import Window
from harness.scenario import CANARY, Disconnect, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("half_turn_on_cancel",),
    faults=(
        ProviderSlowFirstByte(delay_s=0.3, window=Window(from_step=1, until_step=2)),
        ClientDisconnect(window=Window(from_step=2, until_step=2)),
    ),
    steps=(
        Parallel(steps=(Turn(message=f"Hello, {CANARY}."), Turn(session="b", message=f"Hello, {CANARY}."))),
        Parallel(
            steps=(
                Disconnect(message=f"Never mind {CANARY}.", after_s=0.1),
                Turn(session="b", message=f"I have {CANARY}."),
            )
        ),
        Parallel(
            steps=(
                Turn(message=f"I have {CANARY}."),
                Turn(message=f"And {CANARY}."),
                Turn(session="b", message=f"I have {CANARY}."),
                Turn(session="b", message=f"And {CANARY}."),
            )
        ),
        Parallel(steps=(Turn(message=f"What of {CANARY}?"), Turn(session="b", message=f"And {CANARY}?"))),
    ),
)

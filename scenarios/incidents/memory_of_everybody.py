"""The model was told of another user's conversation.

What was said lately was kept in one memory object of the app, and not in one of each session. Every conversation was
stored right, so no support engineer who read one saw anything; but what the model was told held the words of whoever
had spoken last, and its answers followed from them. Two conversations run interleaved with a word of their own in each
message, and no call of the provider may hold a word of the other one.
"""

from harness.scenario import CANARY, Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("history_crossed",),
    steps=(
        Turn(message=f"My name is {CANARY}."),
        Turn(session="b", message=f"Mine is {CANARY}."),
        Turn(message=f"I have {CANARY}."),
        Turn(session="b", message=f"And I {CANARY}."),
        Parallel(
            steps=(
                Turn(message=f"What about {CANARY}?"),
                Turn(message=f"And {CANARY}?"),
                Turn(session="b", message=f"What about {CANARY}?"),
                Turn(session="b", message=f"And {CANARY}?"),
            )
        ),
    ),
)

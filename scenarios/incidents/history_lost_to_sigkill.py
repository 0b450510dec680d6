"""Turns were acknowledged, the process was killed, and the conversation went on as if they had never been.

The answer had left before the turn was on disk, or what was on disk was never read again. Nobody is told by a SIGKILL
that it comes, so there is no moment to prepare in. Two conversations hold turns up to the moment of the kill and go on
after it: every turn that was answered 200 must be stored, and the provider must be told of it. Only a process can be
killed, so this is played live.
"""

from harness.scenario import Parallel, Restart, Scenario, Turn

SCENARIO = Scenario(
    defects=("history_lost",),
    stages=("live",),
    steps=(
        Turn(),
        Turn(session="b", message="Remember {canary}, please."),
        Parallel(
            steps=(Turn(message="My word is {canary}."), Turn(session="b", message="Now it is {canary}."))
        ),
        Restart(kill=True),
        Parallel(steps=(Turn(message="And {canary}?"), Turn(session="b", message="Good-bye {canary}."))),
    ),
)

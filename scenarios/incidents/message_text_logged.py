"""What users wrote to the service stood in its log.

The first fifty characters of each message were logged with its intent, so that one could see what had been classified;
people begin with their names, and with what troubles them. The log went to a vendor, to a data lake and into tickets,
and no deletion of a session reached any of those. Two conversations are held whose messages begin with a word that
exists nowhere else, with a healthy provider and with one that fails: the word must be in no line, whoever wrote it.
"""

from harness.faults import ProviderServerError
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("message_text_logged",),
    faults=(ProviderServerError(window=Window(from_step=1, until_step=1)),),
    steps=(
        Parallel(
            steps=(
                Turn(message="{canary}@example.org is my address."),
                Turn(session="b", message="I am {canary}."),
            )
        ),
        Parallel(steps=(Turn(message="{canary} again."), Turn(session="b", message="And {canary}?"))),
        Turn(message="My doctor, {canary}, says that I should rest."),
    ),
)

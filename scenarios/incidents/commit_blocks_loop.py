"""Another process held the lock of the database, and the server could not even say that it was alive.

Turns were committed on the event loop's own thread, because a commit is short. It is, as long as nobody else writes and
the disk is idle; then SQLite waits for the lock, and every other request waits for SQLite. Two conversations are stored
while the lock is held and the disk is slow, and the health is asked for.
"""

from harness.faults import StoreLocked, StoreSlow
from harness.rig import Window
from harness.scenario import CANARY, Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("commit_on_loop",),
    faults=(
        StoreLocked(hold_s=0.4, window=Window(from_step=1, until_step=1, first_n=2)),
        StoreSlow(
            read_s=0, write_s=0, commit_s=0.6, fsync_s=0, window=Window(from_step=2, until_step=2, first_n=4)
        ),
    ),
    steps=tuple(
        Parallel(
            steps=(
                Turn(message=f"Remember {CANARY}, please."),
                Turn(session="b", message=f"And {CANARY}?"),
                Turn(session="c", message=f"Hello, {CANARY}."),
                Turn(session="d", message=f"Good morning, {CANARY}."),
                Request(path="/health"),
            )
        )
        for _ in range(4)
    ),
)

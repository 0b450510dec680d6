"""Sync code called async code on the event loop's own thread.

The async route used the classifier's sync entry, which ran `asyncio.run` under a running loop; the error was
swallowed, the coroutine never awaited, and a lower level answered. From a script or a worker thread the same entry
worked, so no unit test saw it. The scenario enters by all three ways: the async route, the plugin hook that runs on
the loop's thread, and the `def` route that runs in a worker thread.
"""

from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("sync_called_from_loop", "threadsafe_result_on_own_loop"),
    steps=(
        Turn(),
        Turn(message="Could you look at {canary}?\n> On Monday you wrote:\n> it is done"),
        Request(method="POST", path="/intent/classify", body={"message": "Hi! How can you help me?"}),
        Parallel(
            steps=(
                Turn(),
                Turn(session="b", message="And {canary}?\n> yes"),
                Request(method="POST", path="/intent/classify", body={"message": "Please write an e-mail"}),
            )
        ),
    ),
)

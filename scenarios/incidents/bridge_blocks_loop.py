"""The cure that was worse: a thread, a loop and a ten-second wait for every call.

The emergency plan's first fix ran the coroutine in a thread made for the call and waited for it on the event loop's
thread. While one provider call hung, every other client waited too, far past the promised deadline and past the ten
seconds, for leaving the executor joins its thread; the call itself was never cancelled. Request ids were lost on the
way, and any RuntimeError from inside was taken for "no running loop" and hidden behind a second call.
"""

from harness.faults import ProviderNoReply
from harness.rig import Window
from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("thread_per_call_bridge",),
    faults=(ProviderNoReply(for_s=11.0, window=Window(from_step=2, until_step=2, first_n=2)),),
    steps=(
        Turn(),
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(steps=(Turn(), Turn(session="b"), Request(path="/health"))),
        Turn(session="b"),
    ),
)

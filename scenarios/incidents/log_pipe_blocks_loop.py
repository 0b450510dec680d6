"""The log shipper hung, and so did the service.

Lines were written to standard output on the event loop's own thread, and standard output was a pipe; as soon as nobody
read it and it was full, the next line waited, and with it every request, the health checks and the deadlines. The
service was restarted, which helped, since a new process has a new pipe; nothing of all this was in the log. Two
conversations go on while nobody reads for a second, and then while somebody reads slowly: who is served must not wait
for who reads the log. Only a process has a pipe, so this is played live.
"""

from harness.faults import LogsFullPipe, LogsSlowSink
from harness.rig import Window
from harness.scenario import Parallel, Request, Scenario, Turn

SCENARIO = Scenario(
    defects=("log_pipe_blocks_loop",),
    stages=("live",),
    faults=(
        LogsFullPipe(window=Window(from_step=1, until_step=1, for_s=1.5)),
        LogsSlowSink(delay_ms=400.0, window=Window(from_step=3, until_step=3)),
    ),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(steps=(Turn(), Turn(session="b"), Request(path="/health"))),
        Turn(),
        Parallel(steps=(Turn(), Turn(session="b"), Request(path="/health"))),
        Turn(session="b"),
    ),
)

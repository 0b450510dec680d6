"""Two who wrote to one output tore each other's log lines.

A record and the end of its line went out by two writes, as an unbuffered `print` has it, so that whoever else wrote to
the same output came in between: another worker, another server of the same process. Two records stood on one line and
an empty one came after, the shipper could parse neither, and the requests of the busiest minutes were in no report.
Two servers run in one process and hold turns at once, while who reads the output is a little slow: each line must be
whole, and each request must have its record. Only threads of a real process come between two writes by themselves, so
this is played live.
"""

from harness.faults import LogsSlowSink, LoopForeign
from harness.faults.logs_holds import whole_lines
from harness.rig import Window
from harness.scenario import Parallel, Scenario, Turn

SCENARIO = Scenario(
    defects=("log_lines_torn",),
    stages=("live",),  # on virtual time a thread goes on from one write to the next
    faults=(
        LoopForeign(window=Window(from_step=1, until_step=3)),
        LogsSlowSink(delay_ms=2.0, window=Window(from_step=2, until_step=3)),
    ),
    invariants=(whole_lines,),
    steps=(
        Parallel(steps=(Turn(), Turn(session="b"))),
        Parallel(steps=(Turn(), Turn(session="b"), Turn(session="c"))),
        Parallel(steps=(Turn(), Turn(session="b"), Turn(session="c"))),
        Parallel(steps=(Turn(), Turn(session="b"), Turn(session="c"))),
        Turn(),
    ),
)

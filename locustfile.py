"""Load for a service that runs already: `locust -f locustfile.py --headless -u 20 -r 20 -t 60s --host URL`.

The users hold conversations of three to five turns; at the end the success criteria are printed as gates, and the exit
code is theirs: 0 passed, 1 failed, 3 invalid, 4 undecided. With `--target-log FILE` (or SHAKEOUT_LOG) the gates on the
service's log are judged too. `shakeout load` starts service and provider itself and judges all of them.
"""

from harness.load.master import ConversationUser

__all__ = ["ConversationUser"]

"""Load for a service that runs already: `locust -f locustfile.py --headless -u 20 -r 20 -t 60s --without-log --host URL`.

The users hold conversations of three to five turns; at the end the success criteria are printed as gates, and the exit
code is theirs: 0 passed, 1 failed, 3 invalid, 4 undecided. Give `--target-log FILE` (or SHAKEOUT_LOG) for the gates on
the service's log, or `--without-log` to leave them out. As `--master --expect-workers N` it judges what N workers send, wherever they are.

`shakeout load` starts service and provider itself. With `--bind HOST:PORT --workers N` it waits for generators on other
machines, each `locust -f locustfile.py --worker --master-host HOST --master-port PORT`.
"""

from harness.load.master import ArrivalUser, ConversationUser

__all__ = ["ArrivalUser", "ConversationUser"]

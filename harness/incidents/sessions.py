"""What only a conversation's requests together say: how its counts go on, and what it says again."""

from collections import OrderedDict
from collections.abc import Iterator

from harness.gates.log_fields import is_duration, session_of
from harness.history import LogRecord
from harness.incidents.threads import Thread
from harness.incidents.traits import Trait, name_of
from harness.incidents.values import is_status

SESSIONS_MAX = 5000
"""So many conversations are remembered; the one that has said nothing for longest is forgotten first."""

_KNOWN_MAX = 200
_STEP_MAX = 3


class Sessions:
    """What is remembered of each conversation: what it said, and the last number of each of its counts."""

    def __init__(self, names: tuple[str, ...] = (), *, sessions_max: int = SESSIONS_MAX) -> None:
        self._names = names
        self._sessions_max = sessions_max
        self._held: OrderedDict[str, dict[str, int]] = OrderedDict()

    def traits(self, thread: Thread) -> Iterator[Trait]:
        """The traits of a request that come of the earlier ones of its conversation."""
        earlier: dict[str, dict[str, int]] = {}
        for record in thread.records:
            if session := session_of(record.fields, self._names) or thread.session:
                known = self._known(session)
                # Without ids, lines of two requests may be taken for one: each is held against all before it.
                if thread.how == "request" and session not in earlier:
                    earlier[session] = dict(known)
                before = earlier[session] if thread.how == "request" else known
                yield from _against(record, before, known)

    def _known(self, session: str) -> dict[str, int]:
        """What is remembered of a conversation."""
        known = self._held.setdefault(session, {})
        self._held.move_to_end(session)
        if len(self._held) > self._sessions_max:
            self._held.popitem(last=False)
        return known


def _against(record: LogRecord, earlier: dict[str, int], known: dict[str, int]) -> Iterator[Trait]:
    """One line against what its conversation said before; what it says is remembered."""
    name = name_of(record)
    again = name in earlier
    if again and record.source != "access":  # which says nothing of what was done
        yield f"{name}, again in its session", record
    for key, value in record.fields.items():
        if not isinstance(value, int) or isinstance(value, bool) or is_status(key, value) or is_duration(key):
            continue
        count = f"{name}: {key}"
        if count in earlier:
            yield f"{count} {_step(value - earlier[count])} in its session", record
        elif not again:
            yield f"{count} begins with {'0' if value == 0 else 'more'} in its session", record
        _keep(known, count, value)
    _keep(known, name, 0)


def _keep(known: dict[str, int], name: str, value: int) -> None:
    """Remember one more, while there is room."""
    if name in known or len(known) < _KNOWN_MAX:
        known[name] = value


def _step(by: int) -> str:
    """How a count went on, in words; steps that are large are alike."""
    if by == 0:
        return "stays"
    size = str(abs(by)) if abs(by) <= _STEP_MAX else f"more than {_STEP_MAX}"
    return f"grows by {size}" if by > 0 else "falls"

"""How streams end: said by the stream itself, once, and never just cut."""

from collections.abc import Iterable
from http import HTTPStatus

from harness.history import WIRE, Exchange, History
from harness.reading import DONE, ERROR, cut_with_reason, events, is_stream, says_error
from harness.registry import invariant
from harness.verdict import Finding


@invariant("outcome.stream_ends", witnesses={WIRE})
def stream_ends(history: History) -> Iterable[Finding]:
    """A stream is not cut; where streams say `done` at all, each ends with one event `done` or `error`, and has no other.

    A client that left, an outage, or a fault of its own client explains that a stream was cut. Whether the target
    says `done` is read from the run: of one that never does, only the cuts are judged.
    """
    streams = [one for one in history.exchanges if is_stream(one) and one.status == HTTPStatus.OK]
    says_done = any(event.get("event") == DONE for one in streams for event in events(one))
    for stream in streams:
        if stream.left:
            continue
        if stream.error is None:
            complaint = _unended(stream) if says_done else None
        else:
            broke = f"the stream broke off: {stream.error}"
            complaint = None if cut_with_reason(stream, history) else broke
        if complaint is not None:
            yield Finding(message=complaint, evidence=str(stream))


def _unended(stream: Exchange) -> str | None:
    """What is wrong with how a stream that came whole ends, or None; an unread one (its body a text) is not judged."""
    if isinstance(stream.body, str):
        return None
    names = [ERROR if says_error(event) else str(event.get("event")) for event in events(stream)]
    ends = [name for name in names if name in (DONE, ERROR)]
    if len(ends) == 1 and names[-1] in (DONE, ERROR):
        return None
    return f"the stream ends with {names[-1] if names else 'nothing'}, after {len(ends)} of done or error"

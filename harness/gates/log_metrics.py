"""The metrics that the service's log testifies to: what stands in it, and what it tells of the requests that were sent."""

from harness.gates.criterion import INCREASES, Figure
from harness.gates.metrics import ANY, FEW, Amount, Asked, Evidence, Trend, Unseen, example, metric
from harness.history import LOGS

TEXT, STATUS = "log_text", "log_status"


@metric("log", Figure.COUNT, (*ANY, INCREASES), argument='"EVENT"', witness=LOGS)
def log(asked: Asked) -> Evidence:
    """Lines of the service's log with this event; `increases` compares them with those of the baseline."""
    name = asked.criterion.argument.strip('"')
    if asked.criterion.op == INCREASES:
        return _trend(asked, name)
    return _counted(asked, name, 0 if asked.log is None else asked.log.events[name])


@metric(TEXT, Figure.COUNT, FEW, argument='"TEXT"', witness=LOGS)
def log_text(asked: Asked) -> Evidence:
    """Lines of the service's log that hold this text, whatever their form."""
    text = asked.criterion.argument.strip('"')
    return _counted(asked, text, 0 if asked.log is None else asked.log.texts[text])


@metric(STATUS, Figure.COUNT, FEW, argument="500", witness=LOGS)
def log_status(asked: Asked) -> Evidence:
    """Lines of the service's log that tell of this status, as a field or in their text."""
    status = int(asked.criterion.argument)
    return _counted(asked, f"status_code={status}", 0 if asked.log is None else asked.log.statuses[status])


@metric("misreported", Figure.COUNT, FEW, witness=LOGS)
def misreported(asked: Asked) -> Evidence:
    """Requests of which the log does not tell once, with the status that their client saw, and no false success."""
    return _compared(asked, "misreported", 0 if asked.log is None else asked.log.misreported)


@metric("unclassified", Figure.COUNT, FEW, witness=LOGS)
def unclassified(asked: Asked) -> Evidence:
    """Requests that were answered with a 200 and have not their one intent_classification_success in the log."""
    return _compared(asked, "unclassified", 0 if asked.log is None else asked.log.unclassified)


def _trend(asked: Asked, name: str) -> Evidence:
    """The same event by the requests of both runs."""
    before = asked.before
    if asked.log is None or before is None or before.log is None:
        return Unseen(why="there is no baseline with a log: give --baseline")
    if asked.mute or before.mute:
        return Unseen(why=f"{asked.mute or f'of the baseline, {before.mute}'}: it cannot testify")
    if not asked.cell.requests or not before.cell.requests:
        return Unseen(why="no request was sent")
    return Trend(
        count=asked.log.events[name],
        requests=asked.cell.requests,
        before_count=before.log.events[name],
        before_requests=before.cell.requests,
    )


def _counted(asked: Asked, name: str, count: int) -> Evidence:
    """What is in the log; of what is not, only a log that speaks may testify."""
    if asked.log is None or (not count and asked.mute):
        return Unseen(why=_mute(asked))
    if not count and not asked.cell.requests:
        return Unseen(why="no request was sent")
    told = f"; the first: {asked.log.examples.get(name, '')}" if count else ""
    return Amount(
        value=count,
        requests=asked.cell.requests,
        grows=True,
        told=f", {asked.log.lines:,} lines{told}",
        mute=_mute(asked),
    )


def _compared(asked: Asked, name: str, count: int) -> Evidence:
    """What was compared, request by request."""
    if asked.log is None or (not count and asked.mute):
        return Unseen(why=_mute(asked))
    if not asked.cell.answered:
        return Unseen(why="no request was answered")
    return Amount(
        value=count,
        requests=asked.cell.requests,
        grows=True,
        told=example(asked.log.examples.get(name)),
        mute=_mute(asked),
    )


def _mute(asked: Asked) -> str:
    """Why what is not in the log proves nothing; empty where it does."""
    return f"{asked.mute}: it cannot testify" if asked.mute else ""

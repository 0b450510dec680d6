"""The server's access lines against the wire, for services whose log says no more of a request."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from urllib.parse import unquote

from harness.history import LOGS, WIRE, Exchange, History, LogRecord, Snapshot
from harness.reading import WRITTEN_S, killed, met
from harness.registry import invariant
from harness.verdict import Finding

Route = tuple[str, str]


@invariant("logs.access_agrees_with_wire", witnesses={WIRE, LOGS})
def access_agrees_with_wire(history: History) -> Iterable[Finding]:
    """Where there are access lines and no completion records: every answer has a line with its status, and no line claims another.

    Lines have no id, so those of a method and path are counted by status. A request without a whole answer may have a
    line of any status. A path that no line ever names is left out, unless it is that of the turns: servers are often
    told to say nothing of their health. Of a path that the harness polls until the target is healthy there may be more
    lines than there are exchanges.
    """
    contract = history.header.contract
    lines: dict[Route, list[LogRecord]] = defaultdict(list)
    for record in history.logs:
        if record.source == "access":
            lines[_route(record.fields.get("method"), record.fields.get("path"))].append(record)
    if not lines or (contract.completion_event and contract.request_ids):
        return
    exchanges: dict[Route, list[Exchange]] = defaultdict(list)
    for exchange in history.exchanges:
        exchanges[_route(exchange.method, exchange.path)].append(exchange)
    for route, asked in exchanges.items():
        if route in lines or route == ("POST", contract.turn_path):
            yield from _unlogged(route, asked, lines[route], history)
    polled = ("GET", contract.health_path or "/")
    for route, said in lines.items():
        if route != polled:
            yield from _unanswered(route, said, exchanges[route], history)


def _unlogged(
    route: Route, asked: list[Exchange], said: list[LogRecord], history: History
) -> Iterable[Finding]:
    """Answers that have no line."""
    logged = Counter(record.fields.get("status_code") for record in said)
    owed = [exchange for exchange in asked if _owed(exchange, history)]
    for status, count in Counter(exchange.status for exchange in owed).items():
        if logged[status] < count:
            last = [exchange for exchange in owed if exchange.status == status][-1]
            message = f"{count} answers {status} to {' '.join(route)}, {logged[status]} access lines say so"
            yield Finding(message=message, evidence=str(last))


def _unanswered(
    route: Route, said: list[LogRecord], asked: list[Exchange], history: History
) -> Iterable[Finding]:
    """Lines that tell of no answer that anybody got; of a snapshot no path is on record, so a GET may be one."""
    answered = Counter(exchange.status for exchange in asked if exchange.error is None and exchange.own)
    if route[0] == "GET":
        answered.update(snapshot.status for snapshot in history.of(Snapshot))
    free = sum(
        exchange.status is None or exchange.error is not None or not exchange.own for exchange in asked
    )
    for record in said:
        status = record.fields.get("status_code")
        if answered[status]:
            answered[status] -= 1
        elif free:
            free -= 1
        else:
            message = f"an access line says {status} to {' '.join(route)}, the wire saw no such answer"
            yield Finding(message=message, evidence=str(record))


def _owed(exchange: Exchange, history: History) -> bool:
    """Whether an exchange must have a line: it was answered whole, by the service, and its process lived to say so."""
    lost = any(killed(one) for one in met(exchange, history, after_s=WRITTEN_S))
    whole = exchange.status is not None and exchange.error is None
    return whole and exchange.own and exchange.role != "beside" and not lost


def _route(method: object, path: object) -> Route:
    """Method and path as they are compared: servers quote a path in their own way."""
    return str(method), unquote(str(path))

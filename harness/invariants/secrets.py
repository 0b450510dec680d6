"""The key of the provider: it is for the provider, and for nobody else."""

import json
from collections.abc import Iterable

from harness.history import LOGS, PROVIDER, WIRE, History
from harness.reading import key_marks, marks_in
from harness.registry import invariant
from harness.verdict import Finding


@invariant("outcome.provider_key_kept", witnesses={WIRE, PROVIDER})
def answers_without_key(history: History) -> Iterable[Finding]:
    """What the provider is sent as its key is in no answer, neither in a body nor in a header, whatever went wrong."""
    marks = key_marks(history)
    for exchange in history.exchanges if marks else ():
        if marks & marks_in(f"{json.dumps(exchange.body)} {json.dumps(dict(exchange.headers))}"):
            yield Finding(message="the answer holds the provider's key", evidence=str(exchange))


@invariant("logs.provider_key_kept", witnesses={LOGS, PROVIDER})
def logs_without_key(history: History) -> Iterable[Finding]:
    """What the provider is sent as its key is in no line of the log, whatever went wrong."""
    marks = key_marks(history)
    for record in history.logs if marks else ():
        if marks & marks_in(record.text):
            evidence = f"{record.source} log line {record.line}"  # not its text, for the key is in it
            yield Finding(message="the log holds the provider's key", evidence=evidence)

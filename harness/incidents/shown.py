"""What is shown of an incident: of its log only what the service is known to write, of our own runs all but secrets."""

from collections.abc import Iterable

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents.signature import Signature, signature_of
from harness.redaction import Redactor, Rules, Words


class Shown:
    """Reads logs, and knows afterwards what may be shown of them.

    `ours` is for what a run of ours wrote and for what we say, `log` for what is quoted of the incident's log.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self._words = Words()
        self.ours = Redactor(rules)
        self.log = self.ours.only(self._words)

    def read_log(self, records: Iterable[LogRecord], contract: Contract) -> Signature:
        """The signature of the incident's log."""
        return signature_of(records, contract, self.ours, self._words.name)

    def read_run(self, records: Iterable[LogRecord], contract: Contract) -> Signature:
        """The signature of what a run wrote, whose words may be shown from now on."""
        return signature_of(records, contract, self.ours, self._words.say)

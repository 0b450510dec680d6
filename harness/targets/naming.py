"""What a target calls the sessions of a run: as it first answered, or as its client chose."""

from http import HTTPStatus

from harness.history import Exchange
from harness.reading import ends
from harness.targets.clients import Words
from harness.targets.driven import Job, Recorder

GONE = (400, 403, 404, 409, 410, 422)
"""So a service may say that it knows no such session, where its contract does not say how."""


class SessionNames(dict[str, str]):
    """The id of each session that has one, by its label."""

    def __init__(self, job: Job, recorder: Recorder) -> None:
        super().__init__()
        self._job, self._recorder = job, recorder

    def of(self, label: str) -> str | None:
        """What the next turn of a session calls it; None where the target is to name it."""
        return self.get(label) or self._chosen(label)

    def answered(self, label: str, exchange: Exchange) -> None:
        """Note what a turn of a session was answered: the first answer names it, unless the client chose its id.

        One that went with its process is begun anew, as its client would when it hears that it is not there.
        """
        named = exchange.session_id or self._chosen(label)
        promised = self._job.profile.contract.unknown_session_status
        gone = GONE if promised is None else (promised,)
        if self._may_be_forgotten() and exchange.status in gone:
            self.pop(label, None)
        elif self._may_be_forgotten() and exchange.session_id:
            self[label] = exchange.session_id
        elif named is not None and (exchange.session_id or exchange.status == HTTPStatus.OK):
            self.setdefault(label, named)

    def _may_be_forgotten(self) -> bool:
        """Whether a process that kept its sessions to itself has ended."""
        return not self._job.profile.contract.sessions_outlive and bool(ends(self._recorder.records))

    def _chosen(self, label: str) -> str | None:
        """The id that the client chooses for a session, where that is its part."""
        template = self._job.profile.turn
        if template.session or not template.holds_sessions:
            return None
        return f"{label}-{Words(f'session-{label}', self._job.seed).new()}"

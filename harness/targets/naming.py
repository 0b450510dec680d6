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
        self._known_s: dict[str, float] = {}

    def of(self, label: str) -> str | None:
        """What the next turn of a session calls it; None where the target is to name it."""
        return self.get(label) or self._chosen(label)

    def answered(self, label: str, exchange: Exchange) -> None:
        """Note what a turn of a session was answered: the first answer names it, unless the client chose its id.

        One that went with its process is begun anew, as its client would when it hears that it is not there; what
        is refused when the next process has answered for it once is refused for another reason.
        """
        named = exchange.session_id or self._chosen(label)
        promised = self._job.profile.contract.unknown_session_status
        gone = GONE if promised is None else (promised,)
        if self._may_be_forgotten(label) and exchange.status in gone:
            self.pop(label, None)
        elif named is not None and (exchange.session_id or exchange.status == HTTPStatus.OK):
            if self._may_be_forgotten(label):
                self[label] = named
            self.setdefault(label, named)
            self._known_s[label] = exchange.at_s

    def _may_be_forgotten(self, label: str) -> bool:
        """Whether a process that kept its sessions to itself has ended since it answered for one."""
        known_s = self._known_s.get(label, 0.0)
        ended = any(known_s <= until_s for _, until_s in ends(self._recorder.records))
        return ended and not self._job.profile.contract.sessions_outlive

    def _chosen(self, label: str) -> str | None:
        """The id that the client chooses for a session, where that is its part."""
        template = self._job.profile.turn
        if template.session or not template.holds_sessions:
            return None
        return f"{label}-{Words(f'session-{label}', self._job.seed).new()}"

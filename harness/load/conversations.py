"""The conversations of a generator: one turn at a time in each, as its users would, and as many at once as are due."""

from collections import deque
from dataclasses import dataclass, field

from harness.load.journey import Speaker


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One conversation: what is still to be said, the session that the service gave it, and the turns so far."""

    left: list[str] = field(default_factory=list)
    session: str | None = None
    turn: int = 0

    def say(self) -> str:
        """The next message."""
        self.turn += 1
        return self.left.pop(0)


class Conversations:
    """Gives out conversations that nobody waits in: the one that was answered longest ago, else a new one.

    Those of one generator are numbered so that no other's have the same: what they say differs. Where the client
    says what a session is called, its name begins with `chosen`.
    """

    def __init__(self, seed: int, worker: int, workers: int, *, chosen: str = "") -> None:
        self._seed = seed
        self._chosen = chosen
        self._number = worker
        self._workers = workers
        self._idle: deque[Conversation] = deque()

    def take(self) -> Conversation:
        """One that has a turn left."""
        if self._idle:
            return self._idle.popleft()
        speaker, session = Speaker(self._seed, self._number), f"{self._chosen}{self._number}"
        self._number += self._workers
        return Conversation(left=speaker.conversation(), session=session if self._chosen else None)

    def give_back(self, conversation: Conversation) -> None:
        """Its turn was answered, and it goes on, if it has anything left to say."""
        if conversation.left:
            self._idle.append(conversation)

"""What the users of a load run say: conversations of a few turns, drawn from a seed."""

import random

CAPITALS = "BCDFGHJKLMNPQRSTVWXZ"
TURNS_MIN, TURNS_MAX = 3, 5
OPENINGS = (
    "Hi! How can you help me?",
    "Hello, what can you do for our team?",
    "I need help with an announcement",
    "Please write an e-mail to all stakeholders",
)
FOLLOWING = (
    "Can you draft a document about the change?",
    "What do the data of the last quarter say?",
    "Please prepare a report on adoption",
    "How do we optimize the approval process?",
    "Write a short article for the newsletter",
    "Which of these should go out first?",
)


def canary(seed: int) -> str:
    """The word that stands in every message of the run and in no dictionary, so that a log can be searched for it."""
    return "".join(random.Random(f"canary-{seed}").choices(CAPITALS, k=12))


class Speaker:
    """One user: the same seed and number say the same things in the same order."""

    def __init__(self, seed: int, number: int) -> None:
        self._words = random.Random(f"load-{seed}-{number}")
        self._canary = canary(seed)
        self._number = number
        self._conversations = 0

    def conversation(self) -> list[str]:
        """The messages of the next conversation, each unlike any other of the run."""
        self._conversations += 1
        length = self._words.randint(TURNS_MIN, TURNS_MAX)
        sentences = [self._words.choice(OPENINGS), *self._words.choices(FOLLOWING, k=length - 1)]
        mark = f"{self._canary}-{self._number}-{self._conversations}"
        return [f"{sentence} ({mark}-{turn})" for turn, sentence in enumerate(sentences, start=1)]

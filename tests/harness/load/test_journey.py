"""What users say."""

from harness.load.journey import TURNS_MAX, TURNS_MIN, Speaker, canary


def sentences(conversations: list[list[str]]) -> list[list[str]]:
    """What is said, without the marks that make it unique."""
    return [[message.partition(" (")[0] for message in messages] for messages in conversations]


def test_the_same_seed_says_the_same() -> None:
    """A seed and a user's number fix every conversation; another user or seed says something else."""
    first, again = Speaker(7, 1), Speaker(7, 1)
    said = [first.conversation() for _ in range(5)]
    assert said == [again.conversation() for _ in range(5)]
    for other in (Speaker(7, 2), Speaker(8, 1)):
        assert sentences(said) != sentences([other.conversation() for _ in range(5)])


def test_conversations_are_short_and_no_message_is_said_twice() -> None:
    """Each conversation has 3 to 5 turns, and over users and conversations no message repeats."""
    speakers = [Speaker(1, number) for number in range(10)]
    conversations = [speaker.conversation() for speaker in speakers for _ in range(20)]
    assert {len(messages) for messages in conversations} == set(range(TURNS_MIN, TURNS_MAX + 1))
    messages = [message for conversation in conversations for message in conversation]
    assert len(set(messages)) == len(messages)


def test_every_message_carries_the_canary_of_its_run() -> None:
    """The run's word is in every message, and another seed has another word."""
    assert all(canary(3) in message for message in Speaker(3, 1).conversation())
    assert canary(3) != canary(4)

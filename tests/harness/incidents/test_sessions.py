"""What is remembered of conversations: how their counts go on, and of no more of them than the bound."""

from collections.abc import Iterable

from harness.incidents.sessions import Sessions
from harness.incidents.threads import Threads
from harness.logs import parse

DONE = "request_done"


def said(lines: Iterable[tuple[str, int]], *, sessions_max: int) -> list[set[str]]:
    """The traits of each request of these sessions, which says one count."""
    sessions = Sessions(sessions_max=sessions_max)
    log = (
        f'{{"event":"{DONE}","request_id":"r{number}","session":"{session}","count":{count}}}'
        for number, (session, count) in enumerate(lines)
    )
    return [{trait for trait, _ in sessions.traits(thread)} for thread in Threads(DONE).of(parse(log))]


def test_how_a_count_goes_on_is_told_by_its_direction() -> None:
    """A count that becomes less falls, one that becomes more grows by so much, and one that does neither stays."""
    found = said([("s1", 3), ("s1", 1), ("s1", 2), ("s1", 2)], sessions_max=5)
    for traits, step in zip(found[1:], ("falls", "grows by 1", "stays"), strict=True):
        assert f"{DONE}: count {step} in its session" in traits


def test_the_conversation_that_was_silent_for_longest_is_forgotten_first() -> None:
    """With room for two, a third one takes the place of the one that said nothing since: that one begins again."""
    found = said([("s1", 1), ("s2", 1), ("s1", 2), ("s3", 1), ("s1", 3), ("s2", 2)], sessions_max=2)
    again = f"{DONE}, again in its session"
    assert [again in traits for traits in found] == [False, False, True, False, True, False]


def test_how_long_it_took_and_that_it_was_answered_again_is_nothing_of_a_conversation() -> None:
    """A duration grows and falls as it will, and each request has its access line: neither is a trait."""
    sessions = Sessions()
    log = [
        f'{{"event":"{DONE}","request_id":"r{number}","session":"s","took_ms":{took_ms}}}'
        for number, took_ms in enumerate((3, 9))
    ]
    access = 'INFO:     127.0.0.1:1 - "POST /turn HTTP/1.1" 200 OK'
    lines = [log[0], access, log[1], access]
    found = [{trait for trait, _ in sessions.traits(one)} for one in Threads(DONE).of(parse(lines))]
    assert found == [set(), {f"{DONE}, again in its session"}]

"""The raw ASGI client."""

from collections.abc import Callable
from typing import Any

Played = Callable[..., Any]


def value(played: Played, name: str) -> Any:
    """What a case of the play returned."""
    outcome = played("client")[name]
    assert (outcome["error"], outcome["stopped"]) == (None, None)
    return outcome["value"]


def test_chunks_come_when_they_are_sent(played: Played) -> None:
    """Three chunks, one second apart, arrive at 0, 1 and 2 s: none waits for the end."""
    assert value(played, "chunks_come_one_by_one") == [200, [["0 ", 0.0], ["1 ", 1.0], ["2 ", 2.0]]]


def test_a_client_that_leaves_ends_the_stream(played: Played) -> None:
    """The application hears of it at once, and what it streamed from is closed."""
    log, left_at_s = value(played, "leaves_mid_stream")
    assert log[-1] == "closed"
    assert len(log) <= 4
    assert left_at_s == 2.0


def test_a_slow_reader_slows_the_application(played: Played) -> None:
    """With one chunk in between, each is made when the one before was read, a second apart."""
    assert value(played, "reads_slowly") == [[0, 0.0], [1, 1.0], [2, 2.0], [3, 3.0], "closed"]


def test_a_request_carries_body_and_headers(played: Played) -> None:
    """What is sent is what the application reads; a path that is not there is a 404."""
    assert value(played, "sends_and_reads") == [200, '{"got":"hello","header":"yes"}', 404]


def test_an_answer_that_is_not_complete_is_an_error(played: Played) -> None:
    """No answer, and half an answer with the exception that cut it."""
    assert value(played, "app_says_nothing") == [
        "the application ended before its answer was complete",
        "half",
        "ValueError('cut')",
    ]

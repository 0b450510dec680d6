"""Requests out of the lines of a log: by id, by session, by place, and bounded."""

from harness.history import LogRecord
from harness.incidents import Thread, Threads
from harness.logs import parse

DONE = "request_done"


def threads(text: str, **how: int) -> tuple[list[Thread], tuple[str, ...]]:
    """The requests of a log, and what was assumed."""
    made = Threads(DONE, **how)
    found = list(made.of(parse(text.strip().splitlines())))
    return found, made.assumptions


def events(thread: Thread) -> list[str | None]:
    """The events of a request, in order."""
    return [record.event for record in thread.records]


def test_lines_of_one_request_id_are_one_request_however_they_interleave() -> None:
    """An id holds lines together, under whatever name the log gives it, and nothing is assumed."""
    found, assumed = threads("""
{"event":"begun","request_id":"a"}
{"event":"begun","trace_id":"b"}
{"event":"request_done","request_id":"a"}
{"event":"request_done","trace_id":"b"}
""")
    assert [(one.how, one.key, events(one)) for one in found] == [
        ("request", "a", ["begun", DONE]),
        ("request", "b", ["begun", DONE]),
    ]
    assert assumed == ()


def test_without_ids_a_completion_ends_a_request_and_its_access_line_still_belongs_to_it() -> None:
    """The place of lines tells requests apart: what comes after a completion and its access line is the next one."""
    found, assumed = threads("""
app INFO begun x=1
app INFO request_done status_code=200
INFO: "POST /turn HTTP/1.1" 200 OK
app INFO begun x=2
app INFO request_done status_code=500
INFO: "POST /turn HTTP/1.1" 500 Internal Server Error
""")
    assert [len(one.records) for one in found] == [3, 3]
    assert [one.records[1].fields["status_code"] for one in found] == [200, 500]
    assert "2 requests were told apart by where their lines stand" in assumed[0]


def test_lines_behind_a_completion_go_to_the_request_that_completes_next() -> None:
    """A request of one line does not swallow the beginning of the next."""
    found, _ = threads("""
app INFO request_done route=/health
app INFO begun x=1
app INFO request_done route=/turn
""")
    assert [events(one) for one in found] == [[DONE], ["begun", DONE]]


def test_another_session_is_another_request() -> None:
    """Without a request's id the session's tells neighbours apart, and that is said."""
    found, assumed = threads("""
app INFO begun session=aaa
app INFO begun session=bbb
""")
    assert [(one.how, one.session) for one in found] == [("session", "aaa"), ("session", "bbb")]
    assert "2 requests were told apart by their session" in assumed[0]


def test_a_traceback_belongs_to_the_request_before_it() -> None:
    """A traceback names no request: it goes to the one that wrote last."""
    found, _ = threads("""
{"event":"begun","request_id":"a"}
{"event":"begun","request_id":"b"}
Traceback (most recent call last):
  File "app.py", line 3, in turn
    raise ValueError("no")
ValueError: no
""")
    assert [len(one.records) for one in found] == [1, 2]


def test_no_more_requests_are_held_open_than_allowed() -> None:
    """Where ids never complete, the one that was silent for longest is closed as not whole, and that is said."""
    text = "\n".join(f'{{"event":"begun","request_id":"{number}"}}' for number in range(10))
    made = Threads(DONE, open_max=3)
    reading: list[LogRecord] = []

    def lines() -> object:
        for record in parse(text.splitlines()):
            reading.append(record)
            yield record

    walk = made.of(lines())  # type: ignore[arg-type]  # the generator yields records
    first = next(walk)
    assert len(reading) == 4
    assert (first.key, first.whole) == ("0", False)
    rest = list(walk)
    assert [one.key for one in rest] == [str(number) for number in range(1, 10)]
    assert [one.whole for one in rest] == [False] * 6 + [True] * 3
    assert "7 requests were closed early" in made.assumptions[0]


def test_a_log_that_tells_no_requests_apart_is_not_held_in_memory() -> None:
    """Lines that nothing ends, and lines that all name one request, are handed on a thousand at a time."""
    for text in ("something of words", "app INFO begun", '{"event":"begun","request_id":"-1"}'):
        made = Threads(None)
        found = list(made.of(parse(text for _ in range(2500))))
        assert [len(one.records) for one in found] == [1000, 1000, 500]
    begun = '{"event":"begun","request_id":"a"}'
    assert max(len(one.records) for one in Threads(None).of(parse([begun, *["of 3 words"] * 2500]))) == 1000


def test_a_session_goes_by_the_name_that_its_profile_gives_it():
    """Lines of two conversations that the service calls trips are told apart by those; without the name, by where they stand."""
    lines = [
        f'{{"event": "{event}", "trip": "{trip}"}}' for event in ("begun", "told") for trip in ("t1", "t2")
    ]
    known, unknown = Threads(DONE, ("trip",)), Threads(DONE)
    assert {one.session for one in known.of(parse(lines))} == {"t1", "t2"}
    assert {one.session for one in unknown.of(parse(lines))} == {""}
    assert "by their session" in known.assumptions[0]

"""Whose an access line is that names no request, and what is said of that."""

from harness.contract import Contract
from harness.incidents import signature_of
from harness.logs import parse
from tests.harness.incidents.test_threads import DONE, events, threads

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event=DONE)
HEALTHY = """
{"event":"request_done","request_id":"a","status_code":200}
{"event":"request_done","request_id":"b","status_code":200}
"""


def traits(text: str) -> set[str]:
    """The traits of a log."""
    return set(signature_of(parse(text.strip().splitlines()), CONTRACT).traits)


def test_an_access_line_belongs_to_the_completed_request_of_its_status() -> None:
    """It goes to one that completed with its status; where none did, it is of a request of its own."""
    found, assumed = threads("""
{"event":"request_done","request_id":"a","status_code":200}
{"event":"request_done","request_id":"b","status_code":503}
INFO: "POST /turn HTTP/1.1" 503 Service Unavailable
INFO: "POST /turn HTTP/1.1" 500 Internal Server Error
""")
    assert sorted([one.fields["status_code"] for one in thread.records] for thread in found) == [
        [200],
        [500],
        [503, 503],
    ]
    assert any("1 access lines name no request" in told for told in assumed)


def test_a_foreign_access_line_makes_no_healthy_request_odd() -> None:
    """A favicon that fails is no sign that a request answered otherwise than it says, or twice."""
    favicon = 'INFO: "GET /favicon.ico HTTP/1.1" 500 Internal Server Error\n'
    well = 'INFO: "POST /turn HTTP/1.1" 200 OK\n'
    for lines in (favicon, favicon + well + well, well + well + favicon, well + favicon + well):
        assert not [one for one in traits(HEALTHY + lines) if " but " in one or "times" in one]


def test_another_path_or_method_is_another_request() -> None:
    """Where the completion tells its route, an access line of another one is not its own, whatever the status."""
    done = (
        '{"event":"request_done","request_id":"a","status_code":200,"method":"POST","route":"/turn/{id}"}\n'
    )
    for access, alone in (
        ("POST /turn/7?x=1", False),
        ("POST /api/turn/7", False),
        ("GET /turn/7", True),
        ("POST /health", True),
        ("POST /turn/7/8", True),
    ):
        found, _ = threads(f'{done}INFO: "{access} HTTP/1.1" 200 OK')
        assert (len(found) == 2) is alone, access


def test_one_that_answered_otherwise_than_it_says_is_found_where_its_route_is_told() -> None:
    """If nobody else waits for such a line, the request that tells this method and path answered with its status."""
    done = '{"event":"request_done","request_id":"%s","status_code":200,"method":"POST","route":"/turn"}\n'
    access = 'INFO: "POST /turn HTTP/1.1" 500 Internal Server Error\n'
    assert "completion 200 but access line 500" in traits(done % "a" + access)
    assert "completion 200 but access line 500" not in traits(done % "a" + done % "b" + access)


def test_without_ids_overlapping_requests_do_not_answer_for_each_other() -> None:
    """An access line that an earlier request still waits for is its own, though it stands behind another one."""
    overlapping = """
app INFO request_done status_code=200
app INFO request_done status_code=503
INFO: "POST /turn HTTP/1.1" 200 OK
INFO: "POST /turn HTTP/1.1" 503 Service Unavailable
app INFO request_done status_code=200
"""
    assert not [one for one in traits(overlapping) if " but " in one]
    alone = 'app INFO request_done status_code=200\nINFO: "POST /turn HTTP/1.1" 500 Internal Server Error'
    assert "completion 200 but access line 500" in traits(alone)


def test_without_ids_an_access_line_of_another_route_is_a_request_of_its_own() -> None:
    """A path that the completion before it does not tell is that of somebody else."""
    found, _ = threads("""
app INFO request_done status_code=200 route=/turn
INFO: "GET /favicon.ico HTTP/1.1" 200 OK
""")
    assert [events(one) for one in found] == [[DONE], ["200 OK"]]


def test_what_stands_behind_a_foreign_access_line_is_still_of_the_request_before_it() -> None:
    """A traceback goes to the request that wrote last, and that is said."""
    found, assumed = threads("""
{"event":"begun","request_id":"a"}
INFO: "GET /favicon.ico HTTP/1.1" 404 Not Found
Traceback (most recent call last):
  File "app.py", line 3, in turn
    raise ValueError("no")
ValueError: no
""")
    assert [len(one.records) for one in found if one.key] == [2]
    assert any("1 lines name no request, such as tracebacks" in told for told in assumed)


def test_lines_that_are_far_apart_are_not_of_one_request() -> None:
    """Without ids, a minute of silence ends a request, and that is said; a zone of another form is no silence."""
    found, assumed = threads("""
2026-01-01 10:00:00 INFO begun x=1
2026-01-01 10:00:50 INFO asked x=1
2026-01-01 11:00:50 INFO asked x=2
2026-01-01 20:00:50 INFO told x=3
""")
    assert [events(one) for one in found] == [["begun", "asked"], ["asked"], ["told"]]
    assert any("2 requests were taken to be over" in told for told in assumed)
    mixed = "2026-01-01 10:00:00 INFO begun x=1\n2026-01-01T12:00:01Z INFO asked x=1"
    assert len(threads(mixed)[0]) == 1


def test_an_id_that_contradicts_itself_is_doubted() -> None:
    """Lines of one id with two sessions, or completions of two statuses, may be of two requests: that is assumed."""
    for one, other in (
        ('"event":"begun","session":"s1"', '"event":"begun","session":"s2"'),
        ('"event":"request_done","status_code":200', '"event":"request_done","status_code":500'),
    ):
        lines = "\n".join(f'{{{text},"request_id":"a"}}' for text in (one, other))
        assert any("1 ids of requests" in told for told in threads(lines)[1])
        assert not threads(lines.splitlines()[0])[1]

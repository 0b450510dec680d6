"""Traits: what stays the same wherever the same thing happened, and what must not be in them."""

import json

import pytest

from harness.incidents import Threads, traits_of
from harness.logs import parse

DONE = "request_done"


def traits(text: str) -> set[str]:
    """The traits of all requests of a log."""
    threads = Threads(DONE)
    return {
        trait for one in threads.of(parse(text.strip().splitlines())) for trait, _ in traits_of(one, DONE)
    }


@pytest.mark.parametrize(
    ("line", "trait"),
    [
        ("app WARNING skipped loop_detected fallback=second", "warning skipped: loop_detected=true"),
        (
            '{"event":"skipped","level":"warning","flags":["loop_detected"]}',
            "warning skipped: loop_detected=true",
        ),
        ("app INFO done status_code=500 success=true", "done: status_code=500 with success=true"),
        ("app WARN skipped", "warning skipped"),
        ("app INFO built count=0", "built: count=0"),
        ("app INFO built elapsed_ms=23.5", "built: elapsed_ms=~1e1"),
        ("app INFO built reply=null", "built: reply=none"),
        ('{"event":"built","levels":["first:timeout"]}', "built: levels[]=first:timeout"),
        ('{"event":"built","store":{"state":"open"}}', "built: store.state=open"),
        ('INFO: "GET /turn/77 HTTP/1.1" 404 Not Found', "access line: status_code=404 with path=/turn/*"),
        (
            '{"event":"failed","level":"error","error":"ReadTimeout: no 12 bytes"}',
            "error failed: error=ReadTimeout",
        ),
        ("something of 3 words", "line: something of * words"),
    ],
)
def test_a_line_says_what_is_decisive(line: str, trait: str) -> None:
    """Flags, states, statuses, routes and classes are traits, in whatever form they were written."""
    assert trait in traits(line)


def test_numbers_ids_and_texts_are_not_in_traits() -> None:
    """Nothing that is another one in every request, and nothing that a user wrote in capitals, is kept."""
    found = " ".join(
        traits(
            '{"event":"built","n":4711,"session":"5a16faf418ce","told":"Remember PGVDHHHJFJMF of 4711, please"}'
        )
    )
    assert "told=text" in found
    assert not [secret for secret in ("4711", "5a16faf418ce", "PGVDHHHJFJMF") if secret in found]


def test_a_traceback_says_its_class_and_where_it_was_raised() -> None:
    """The class without its module, and the innermost function; in a field of a line as on its own."""
    plain = """
Traceback (most recent call last):
  File "/app/a.py", line 3, in outer
    inner()
  File "/app/b.py", line 9, in inner
    raise Missing("x")
app.store.Missing: x
"""
    field = {"event": "failed", "exception": plain.strip()}
    found = traits(plain)
    assert {"exception Missing", "exception Missing in inner"} <= found
    assert {"exception Missing", "exception Missing in inner"} <= traits(json.dumps(field))


def test_a_request_at_odds_with_itself_says_so() -> None:
    """A completion and an access line, or two completions, that name different statuses are a trait."""
    found = traits("""
app INFO request_done status_code=200 success=true
INFO: "POST /turn HTTP/1.1" 500 Internal Server Error
""")
    assert "completion 200 but access line 500" in found
    twice = traits("""
{"event":"request_done","status_code":500,"request_id":"a"}
{"event":"request_done","status_code":503,"request_id":"a"}
""")
    assert {"completion 500 but completion 503", "request_done, 2 times in one request"} <= twice


def test_a_warning_beside_success_and_a_request_without_an_end_say_so() -> None:
    """What a request's last line says in spite of a warning is a trait; so is that there is no last line."""
    spite = traits("""
app WARNING level_failed reason=timeout
app INFO request_done outcome=ok
""")
    assert "warning level_failed and request_done: outcome=ok" in spite
    assert "request without completion" in traits('{"event":"begun","request_id":"a"}')
    assert "request without completion" not in traits("app INFO begun")

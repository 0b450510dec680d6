"""Traits: what stays the same wherever the same thing happened, and what must not be in them."""

import json
import re

import pytest

from harness.contract import Contract
from harness.incidents import Signature, Threads, signature_of, traits_of
from harness.logs import parse
from harness.redaction import Redactor, Rules

DONE = "request_done"


def traits(text: str) -> set[str]:
    """The traits of all requests of a log."""
    threads = Threads(DONE)
    return {
        trait for one in threads.of(parse(text.strip().splitlines())) for trait, _ in traits_of(one, DONE)
    }


def signature(*lines: str, redactor: Redactor | None = None) -> Signature:
    """The signature of a log."""
    contract = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event=DONE)
    return signature_of(parse(lines), contract, redactor)


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


def test_what_a_request_wrote_after_what_is_told_where_its_lines_have_times() -> None:
    """Each pair of neighbours of one request, whatever stands between them in the log; none of lines without times."""
    lines = [
        '{"timestamp":"2026-01-01T00:00:00Z","event":"begun","request_id":"r-1"}',
        '{"timestamp":"2026-01-01T00:00:01Z","event":"begun","request_id":"r-2"}',
        '{"timestamp":"2026-01-01T00:00:02Z","event":"request_done","request_id":"r-1"}',
        '{"timestamp":"2026-01-01T00:00:03Z","event":"kept","level":"error","request_id":"r-1"}',
    ]
    assert signature(*lines).orders == {"begun, then request_done": 1, "request_done, then error kept": 1}
    assert signature(*(re.sub(r'"timestamp":"[^"]*",', "", line) for line in lines)).orders == {}


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


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"sent","password":"correct sweet battery"}',
        '{"event":"sent","messages":["I have sweet disease"]}',
        '{"event":"sent","messages":[{"role":"user","content":"sweet"}]}',
        '{"event":"sent","user_text":"please set mode=sweet now"}',
        'app INFO sent password="correct sweet battery" user_text="mode=sweet now"',
        '{"event":"sent","told":"the file of sweetmrn is open"}',
        '{"event":"sent","patient_name":"sweet"}',
        "User message: I have sweet disease",
        '{"event":"User message: I have sweet disease","session":"s1"}',
        '{"event":"sent","level":"error","error":"[input_value=\'a sweet one\', input_type=str]"}',
    ],
)
def test_no_secret_is_in_a_trait_or_in_the_line_that_shows_it(line: str) -> None:
    """A value is hidden while its name and its quotes are there: none is left in traits, of the log or of its sessions."""
    rules = Rules(patterns=(re.compile("sweetmrn"),), fields=frozenset({"patient_name"}))
    found = signature(line, line, redactor=Redactor(rules))
    assert found.traits
    assert "sweet" not in repr(found)


def test_what_is_hidden_is_the_same_in_an_incident_and_in_a_run() -> None:
    """Two logs that differ only in their secrets have the same traits: no number of a mark is part of one."""
    line = '{"event":"sent to %s","level":"error","text":"%s","fallback":"second","why":"in %s"}'
    redactor = Redactor()
    first = signature(line % ("a@b.org", "I have a rash", "a@b.org"), redactor=redactor)
    other = signature(line % ("c@d.org", "yes", "e@f.org"), redactor=redactor)
    assert first.traits == other.traits
    assert "error sent to *: fallback=second" in first.traits


def test_an_example_is_cut_behind_redaction() -> None:
    """A secret at the place where a long line is cut is gone whole, not in half."""
    found = signature('{"event":"sent","why":"%s bob.sweet@example.org"}' % ("x" * 466))
    shown = found.examples["sent"][0].text
    assert len(shown) == 500
    assert "sweet" not in shown


def test_a_trait_is_of_bounded_length() -> None:
    """Words and names of a megabyte, in an event, a key or a text, make no long trait."""
    long = "w" * 1_000_000
    found = signature(
        json.dumps({"event": long, "level": "error", "session": "s1", long: "text", "n": 1}),
        json.dumps({"event": "told", "why": f"it is {long} again"}),
        long,
    )
    assert max(map(len, found.traits)) == 200

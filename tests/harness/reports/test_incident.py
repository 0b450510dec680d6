"""The page of an incident: every record has its place, every violation is where its evidence says, no secret is told."""

import json
import re
from dataclasses import replace

import pytest

from harness import recording
from harness.history import Deadlocked, FaultFired, History, LogRecord, Outage, Starved
from harness.logs import parse
from harness.redaction import Redactor, Rules
from harness.reports import incident
from harness.reports.incident_items import items, lanes
from harness.reports.incident_places import BY_CLOCK, BY_ORDER, BY_REQUEST, placed
from harness.reports.incident_violations import Places
from harness.scenario import Scenario, Turn
from harness.search.write import source
from harness.verdict import ScenarioVerdict, Verdict, Violation

SECRETS = {
    "authorization": "Authorization: Bearer s3cr3tB3arer",
    "basic": "Basic YWxpY2U6aHVudGVyMg==",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "provider key": "sk-proj-abcdEFGH12345678",
    "cloud key": "AKIAIOSFODNN7EXAMPLE",
    "forge token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "api key": "api_key=9f86d081884c7d659a2feaa0c55ad015",
    "password": "password='correct horse battery'",
    "cookie": "cookie='sid=abc123def'",
    "e-mail": "jane.doe@mail.example.org",
    "address": "postgres://app:h0rse@db.internal/app",
    "card": "4111 1111 1111 1111",
    "message": "user_input='there is a lump in my throat'",
}
LEAKED = re.compile(
    "s3cr3tB3arer|YWxpY2U6|eyJzdWIi|abcdEFGH|IOSFODNN|ghp_abc|9f86d081|battery|sid=abc|jane.doe|h0rse|1111 1111|lump"
)


def shown(path) -> list[dict]:
    """The data in a page, as its script reads it."""
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def page(path, records, *, violations=(), redactor=None, **more) -> list[dict]:
    """Writes a page of one section; gives the data in it."""
    section = incident.Section(
        title="made", verdict="failed", records=tuple(records), violations=tuple(violations), **more
    )
    incident.write(
        path,
        title="made",
        verdict="failed",
        sections=[section],
        redactor=redactor or Redactor(),
        replay="again",
    )
    return shown(path)


def test_no_secret_of_a_log_is_in_what_is_written(tmp_path, made) -> None:
    """Thirteen kinds of planted secrets: none is in a written scenario, in the page, or in the JSON of the page."""
    assert all(LEAKED.search(secret) for secret in SECRETS.values())
    lines = [json.dumps({"event": "said", "level": "error", "why": text}) for text in SECRETS.values()]
    records = list(parse([*lines, *(f"ERROR {text} was seen" for text in SECRETS.values())]))
    evidence = [str(record) for record in records]
    wrong = [Violation(invariant="made", message=line, evidence=line) for line in evidence]
    page(tmp_path / "page.html", records, violations=wrong, notes=tuple(evidence))
    written = source(Scenario(name="x", steps=(Turn(session="a", message="Hi"),)), told=evidence)
    for text in ((tmp_path / "page.html").read_text(), written):
        assert not LEAKED.search(text), LEAKED.search(text)
        assert text.count("[redacted:") >= 2 * len(SECRETS)


def test_what_a_user_adds_is_redacted_in_a_written_scenario(tmp_path, monkeypatch) -> None:
    """What `[tool.shakeout.redact]` of the folder names is no more in a docstring than the kinds that are known."""
    (tmp_path / "pyproject.toml").write_text("[tool.shakeout.redact]\npatterns = ['MRN-[a-z]+']\n")
    monkeypatch.chdir(tmp_path)
    written = source(Scenario(name="x", steps=(Turn(session="a", message="Hi"),)), told=["of MRN-jane"])
    assert "of [redacted:pattern-1]" in written


def test_a_stored_history_has_no_credentials_of_a_header(tmp_path, made) -> None:
    """Authorization, cookies and keys of headers are marks on disk; what the provider's witness hashed stays for its oracle."""
    given = {"Authorization": "Bearer abcdef", "x-api-key": "opaque", "accept": "text/plain"}
    turn = made.turn(request_headers=given, headers={"set-cookie": "sid=1; Path=/", "x-request-id": "r-1"})
    call = made.call(turn, headers={"authorization": "[redacted e3109e970062d96b]", "cookie": "a=b"})
    place = recording.write(History(header=made.header(), records=(turn, call)), tmp_path)
    kept = recording.load(place.read_bytes())
    assert kept.exchanges[0].request_headers == {
        "Authorization": "Bearer [redacted:authorization-1]",
        "x-api-key": "[redacted:key-1]",
        "accept": "text/plain",
    }
    assert kept.exchanges[0].headers == {"set-cookie": "[redacted:cookie-1]", "x-request-id": "r-1"}
    assert kept.calls[0].headers == {
        "authorization": "[redacted e3109e970062d96b]",
        "cookie": "[redacted:cookie-2]",
    }
    assert kept.exchanges[0].message == turn.message


def log(line: int, **changes) -> LogRecord:
    """A line of a log."""
    return LogRecord(**{"source": "app", "line": line, "text": f"text {line}", **changes})


def test_lines_stand_where_their_clock_says_or_their_request_or_their_order(made) -> None:
    """A clock is held against the requests; a line without one stands at the end of its request, else behind the line before."""
    first, second = made.turn(1), made.turn(2)
    lines = [
        log(1, timestamp="2026-01-01T10:00:01.050", request_id="r-1"),
        log(2),
        log(3, request_id="r-2"),
        log(4, timestamp="2026-01-01T10:00:02.050", request_id="r-2"),
        log(5, timestamp="2031-01-01T10:00:02.050"),
    ]
    found = placed([first, second, *lines])
    assert [one.how for one in found] == [BY_CLOCK, BY_ORDER, BY_REQUEST, BY_CLOCK, BY_ORDER]
    assert [one.at_s for one in found] == pytest.approx([1.05, 1.05, 2.1, 2.05, 2.05])


def test_a_log_alone_begins_with_its_first_line_and_shows_its_requests() -> None:
    """Without a run there is the log's own clock, and requests are what the lines with their ids span."""
    lines = [
        log(1, timestamp="2026-01-01T10:00:00", request_id="r-1", level="INFO"),
        log(2, timestamp="2026-01-01T10:00:01", request_id="r-2", level="WARN"),
        log(3, timestamp="2026-01-01T10:00:03", request_id="r-1", fields={"status_code": 500}),
    ]
    found = items(lines)
    assert [(one.lane, one.began_s, one.ended_s, one.tone) for one in found] == [
        ("requests without a session", 0.0, 3.0, "server"),
        ("log", 0.0, 0.0, "info"),
        ("requests without a session", 1.0, 1.0, "none"),
        ("log", 1.0, 1.0, "warning"),
        ("log", 3.0, 3.0, "unknown"),
    ]
    assert lanes(found) == {"requests without a session": 2, "log": 3}


def everything(made) -> list:
    """A record of every kind."""
    turn = made.turn(1)
    return [
        turn,
        made.turn(1, session="a", request_id="r-9", status=503, at_s=1.05, ended_s=1.2),
        made.turn(3, session="", request_id="r-3", status=None, error="LeftEarly"),
        made.call(turn, call=7),
        FaultFired(at_s=1.0, fault="provider.no_reply"),
        Outage(at_s=1.5, ended_s=1.75, fault="process.kill", how="killed"),
        Starved(at_s=0.5, ended_s=0.6, waited_s=0.05),
        Deadlocked(at_s=4.0, report="all wait"),
        made.probe("baseline", at_s=0.5),
        made.probe("played", at_s=2.0, loop_lag_ms_max=300.0),
        made.stored(turn, at_s=5.0),
        log(1, request_id="r-1"),
    ]


def test_every_record_has_a_place_and_no_two_overlap(made) -> None:
    """Each record of each kind is one item; in a row none begins before the one before it has ended."""
    records = everything(made)
    found = items(records)
    assert len(found) == len(records)
    assert list(lanes(found)) == [
        *("session a", "requests without a session", "provider calls", "faults", "waits for a core"),
        *("loop lag", "state read", "log"),
    ]
    assert {one.tone for one in found if one.lane == "session a"} == {"ok", "server"}
    for one in found:
        before = [
            each
            for each in found
            if (each.lane, each.row) == (one.lane, one.row) and each.began_s < one.began_s
        ]
        assert all(each.ended_s <= one.began_s for each in before)


@pytest.mark.parametrize(
    ("evidence", "label"),
    [
        ("POST /turn -> 503 in 0.150 s (request r-9)", "POST /turn 503"),
        ("provider call 7 (conversation, request r-1) answered 1.010..1.050 s", "call 7 conversation 200"),
        ("app log line 1: text 1", "app line 1: text 1"),
        ("said so; probe played at 2.000 s", "played: loop 300 ms late at most, 3 tasks"),
        ("process.kill at 1.500..1.750 s", "process.kill: killed"),
        ("snapshot at 5.000 s: turn 1", "session:a 200"),
        ("request r-nobody, request r-1", "POST /turn 200"),
        ("snapshot session:a", "session:a 200"),
    ],
)
def test_a_violation_is_where_its_evidence_says(made, evidence, label) -> None:
    """However evidence names a record, its item is found."""
    found = items(everything(made))
    assert found[Places(found).of(evidence)].label == label


def test_a_violation_that_names_no_record_stands_in_the_list_only(tmp_path, made) -> None:
    """Evidence that names nothing has no place on the axis, and the page says so."""
    wrong = [
        Violation(invariant="first.one", message="wrong", evidence="request r-1"),
        Violation(invariant="second.one", message="also wrong", evidence="request r-77"),
    ]
    (chart,) = page(tmp_path / "page.html", everything(made), violations=wrong)
    (at, first), second = chart["violations"]
    assert chart["items"][at][5] == "POST /turn 200"
    assert (first, second) == ("first.one", [None, "second.one"])
    assert (tmp_path / "page.html").read_text().count("names no record of this run") == 1


def test_what_is_broken_again_and_again_is_folded_behind_its_first(tmp_path, made) -> None:
    """A hundred of one kind and one of another: two rows in sight, the rest behind a fold, each numbered as on the chart."""
    wrong = [
        Violation(invariant="first.one", message=f"wrong {number}", evidence="") for number in range(100)
    ]
    wrong.append(Violation(invariant="second.one", message="also wrong", evidence=""))
    page(tmp_path / "page.html", everything(made), violations=wrong)
    seen, folded = (tmp_path / "page.html").read_text().split('<details class="repeated">')
    assert re.findall(r'class="failed">(\S+) ([^<]+)<', seen) == [("1.", "first.one"), ("101.", "second.one")]
    assert "99 more of the same" in folded
    assert folded.count("first.one</td>") == 99


def test_nothing_ends_the_element_that_holds_the_data() -> None:
    """What would end a script element, or a line of a script, stands as its escape, and reads back as it was."""
    text = "</script><!-- & \u2028\u2029 \ud800"
    told = incident.embedded([text])
    assert not re.search("[<>&\u2028\u2029\ud800]", told)
    assert json.loads(told) == [text]


def test_a_long_record_is_cut_and_says_so(made) -> None:
    """A record of a megabyte does not make the page one; how much is left out stands at its end."""
    (found,) = items([log(1, text="x" * 1_000_000)])
    assert len(found.detail) < 4200
    assert "996000 characters more" in found.detail


def test_the_sections_of_a_scenario_are_its_arms_and_a_broken_run_says_why(made) -> None:
    """Each arm has its own violations and verdict; a run without a history is a section with its reasons."""
    wrong = Violation(invariant="made", message="wrong", evidence="", arm="control")
    result = ScenarioVerdict(
        name="x", verdict=Verdict.FAILED, violations=(wrong,), control="failed", reasons=("why",)
    )
    arms = [History(header=made.header(arm=arm), records=(made.turn(),)) for arm in ("faulted", "control")]
    faulted, control = incident.sections(result, arms)
    assert (faulted.title, faulted.violations, faulted.notes[0]) == ("x, faulted", (), "why")
    assert (control.title, control.violations, control.verdict) == ("x, control", (wrong,), "failed")
    (broken,) = incident.sections(replace(result, verdict=Verdict.INVALID), [])
    assert (broken.records, broken.notes[0]) == ((), "why")


def test_a_page_of_our_own_run_shows_its_messages(tmp_path, made) -> None:
    """What a scenario says is no secret: with `messages` off it is in the page, and its headers are not."""
    turn = made.turn(message="Hello CANARY", request_headers={"authorization": "Bearer abcdef"})
    (chart,) = page(tmp_path / "page.html", [turn], redactor=Redactor(Rules(messages=False)))
    assert "Hello CANARY" in chart["items"][0][6]
    assert "abcdef" not in (tmp_path / "page.html").read_text()

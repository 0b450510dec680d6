"""Each invariant on outcomes passes a healthy history and fails each way in which it can be broken."""

import hashlib
from dataclasses import replace

import pytest

from harness.history import FaultFired, Outage
from harness.registry import INVARIANTS

NAME = "outcome.answered_within_deadline"
STATUS = "outcome.status_in_contract"
RETURNED = "outcome.request_id_returned"
EXPECTED = "outcome.expected_status"


def test_a_timely_turn_passes(made, findings):
    """A turn inside the deadline is no finding."""
    assert findings(NAME, made.history(made.turn())) == []


def test_a_late_turn_is_found(made, findings):
    """A turn a tenth and more past the deadline is found, with the seconds it took."""
    (message,) = findings(NAME, made.history(made.turn(at_s=0.0, ended_s=1.2)))
    assert "1.20 s" in message


def test_a_late_turn_is_forgiven_where_the_harness_was_late_itself(made, findings):
    """What the harness's own ticker was late is not held against the target."""
    assert findings(NAME, made.history(made.turn(at_s=0.0, ended_s=1.2), harness_lag_ms_max=200.0)) == []


def test_a_turn_without_an_answer_is_found(made, findings):
    """No status at all is a finding, but for a client that left on purpose."""
    turn = made.turn(status=None, body=None, error="ReadError")
    assert findings(NAME, made.history(turn)) == ["no answer: ReadError"]
    left = made.turn(status=None, body=None, error="left", left=True)
    assert findings(NAME, made.history(left)) == []


def test_statuses_of_the_contract_pass(made, findings):
    """A 200 and a typed 503 are no findings."""
    assert findings(STATUS, made.history(made.turn(1), made.turn(2, status=503))) == []


def test_a_500_is_found_on_any_path(made, findings):
    """A 500 is a bug, also where no turn was held."""
    assert findings(STATUS, made.history(made.turn(status=500, path="/other"))) == [
        "500: a valid request met a bug"
    ]


def test_a_500_is_told_with_what_the_log_says_was_raised(made):
    """The exception of its own request, else those of requests that nobody knows; never that of another request."""
    turn = made.turn(status=500)
    known, other, unknown = (
        replace(
            made.completion(turn),
            request_id=request_id,
            fields={"exception": f"Traceback (most recent call last):\n    f()\n{name}: x\n"},
        )
        for request_id, name in ((turn.request_id, "KeyError"), ("another", "OSError"), (None, "ValueError"))
    )
    for records, told in (
        ((known, other, unknown), "; the log tells of KeyError: x"),
        (
            (other, unknown, replace(unknown, fields={"exception": "A: b"})),
            "; the log tells of ValueError: x, or of A: b",
        ),
        ((other,), ""),
    ):
        (finding,) = INVARIANTS.get(STATUS)(made.history(turn, *records))
        assert finding.evidence == f"{turn}{told}"


@pytest.mark.parametrize(
    ("exception", "told"),
    [
        (
            "Traceback (most recent call last):\n    return X\napp.Broken: it is\nof two lines\n",
            "app.Broken: it is",
        ),
        (
            "  + Exception Group Traceback:\n  | ExceptionGroup: one (1)\n  +-+---- 1 ----\n    | KeyError: 'x'\n    +----\n",
            "KeyError: 'x'",
        ),
        (
            "pydantic.ValidationError: 1 error\nname\n  Field required [type=x]\n    For further see y\n",
            "pydantic.ValidationError: 1 error",
        ),
        ("a torn\nlast line", "last line"),
        ("openai.AuthenticationError: bad key: {key}", "openai.AuthenticationError"),
        (
            'Traceback:\n  File "x.py", line 1, in f\n    go()\nsqlalchemy.exc.IntegrityError: twice\nDETAIL: Key (id)=(1)\n',
            "sqlalchemy.exc.IntegrityError: twice",
        ),
        (
            'Traceback:\n  File "x.py", line 1, in f\nKeyError: 1\n\nThe above:\n\n  File "y.py", line 1, in g\nOSError: 2\n',
            "OSError: 2",
        ),
        ("a.<locals>.Bad: no\nkey {key} refused", "what holds the key of the provider"),
    ],
)
def test_what_was_raised_is_told_by_its_own_line_and_without_a_key(made, exception, told):
    """Of a traceback it is the exception's line, of a group the innermost, and no more than the class where the key is in it."""
    key = "sk-abcdefghijklmnop0123"
    mark = hashlib.sha256(key.encode()).hexdigest()[:16]
    turn = made.turn(status=500)
    call = replace(made.call(turn), headers={"authorization": f"Bearer [redacted {mark}]"})
    record = replace(made.completion(turn), fields={"exception": exception.replace("{key}", key)})
    (finding,) = INVARIANTS.get(STATUS)(made.history(turn, call, record))
    assert finding.evidence == f"{turn}; the log tells of {told}"


def test_a_status_outside_the_contract_is_found(made, findings):
    """A turn that is answered 418 is found."""
    assert findings(STATUS, made.history(made.turn(status=418))) == ["418 is not in the contract"]


def test_an_error_without_a_typed_body_is_found(made, findings):
    """An error as plain text, or under another request's id, is found."""
    plain = made.turn(status=503, headers={"content-type": "text/plain"}, body="no")
    other = made.turn(status=503, body={"request_id": "somebody's"})
    assert findings(STATUS, made.history(plain)) == ["503 without a problem body"]
    assert findings(STATUS, made.history(other)) == ["503 without a problem body"]


def test_a_lost_request_id_is_found(made, findings):
    """An answer that does not carry the id of its request is found."""
    assert findings(RETURNED, made.history(made.turn())) == []
    assert findings(RETURNED, made.history(made.turn(headers={}))) == ["the answer carries request id None"]


def test_a_request_without_an_answer_and_a_slow_health_are_found(made, findings):
    """Any request that nobody answered is found, and a health check that takes over a second."""
    silent = made.turn(path="/other", method="GET", status=None, body=None, error="ReadTimeout")
    slow = made.turn(path="/health", method="GET", at_s=0.0, ended_s=1.2)
    assert findings(NAME, made.history(silent)) == ["no answer: ReadTimeout"]
    assert findings(NAME, made.history(slow)) == ["answered after 1.20 s, promised within 1.00 s"]


def outage(how, at_s, ended_s):
    """An outage between two times."""
    return Outage(at_s=at_s, ended_s=ended_s, fault="process", how=how)


def unanswered(made, at_s, ended_s, **changes):
    """A turn that got no answer."""
    return made.turn(status=None, body=None, error="ConnectError", at_s=at_s, ended_s=ended_s, **changes)


@pytest.mark.parametrize("how", ["killed", "terminated", "paused"])
def test_an_outage_excuses_only_what_met_it(made, findings, how):
    """Refused while nobody was there is no finding; the same before it or after it is."""
    for at_s, found in ((1.0, 1), (2.5, 0), (4.0, 1)):
        history = made.history(unanswered(made, at_s, at_s + 0.1), outage(how, 2.0, 3.0))
        assert len(findings(NAME, history)) == found


@pytest.mark.parametrize(
    ("how", "found"),
    [("killed", []), ("terminated", ["accepted before SIGTERM and never answered: ReadError"])],
)
def test_what_was_accepted_before_sigterm_must_be_answered(made, findings, how, found):
    """A process that is killed drops what it was doing; one that is asked to end finishes it."""
    turn = made.turn(status=None, body=None, error="ReadError", at_s=1.5, ended_s=2.5)
    assert findings(NAME, made.history(turn, outage(how, 2.0, 3.0))) == found


def test_a_connection_that_was_not_yet_taken_up_may_be_refused(made, findings):
    """What was sent a moment before SIGTERM may be refused."""
    turn = made.turn(status=None, body=None, error="ReadError", at_s=1.995, ended_s=2.5)
    assert findings(NAME, made.history(turn, outage("terminated", 2.0, 3.0))) == []


def test_what_was_met_by_a_kill_as_well_is_excused(made, findings):
    """Where one of two outages killed the process, nobody knows what SIGTERM alone would have done."""
    turn = unanswered(made, 1.5, 4.5)
    both = outage("terminated", 2.0, 3.0), outage("killed", 4.0, 5.0)
    assert findings(NAME, made.history(turn, *both)) == []


def test_the_time_of_a_pause_does_not_count(made, findings):
    """A second over the deadline is excused by a pause of a second, not by one of half a second, nor by another outage."""
    late = made.turn(at_s=1.0, ended_s=3.0)
    assert findings(NAME, made.history(late, outage("paused", 1.5, 2.5))) == []
    assert findings(NAME, made.history(late, outage("paused", 0.0, 1.5))) == [
        "answered after 1.50 s, promised within 1.10 s"
    ]
    assert len(findings(NAME, made.history(late, outage("terminated", 1.5, 2.5)))) == 1


def test_a_stream_must_end_within_the_deadline(made, findings):
    """A stream on any path that goes on after the deadline is found."""
    late = made.turn(
        path="/live", at_s=0.0, ended_s=1.2, headers={"content-type": "text/event-stream"}, body=[]
    )
    assert findings(NAME, made.history(late)) == ["answered after 1.20 s, promised within 1.10 s"]
    assert findings(NAME, made.history(made.turn(path="/live", at_s=0.0, ended_s=1.2))) == []


def test_an_answer_that_broke_off_is_found(made, findings):
    """Half an answer is none, unless a kill, or what its own client was made to do, cut it."""
    half = made.turn(body="{", error="RemoteProtocolError")
    assert findings(NAME, made.history(half)) == ["the answer broke off: RemoteProtocolError"]
    assert findings(NAME, made.history(half, outage("killed", 1.05, 2.0))) == []
    own = FaultFired(at_s=1.0, fault="client.x", detail=f"turn {half.request_id} of session a")
    assert findings(NAME, made.history(half, own)) == []
    other = FaultFired(at_s=1.0, fault="client.x", detail="turn r-9 of session a")
    assert len(findings(NAME, made.history(half, other))) == 1
    assert len(findings(NAME, made.history(half, FaultFired(at_s=1.0, fault="network.reset")))) == 1
    assert len(findings(NAME, made.history(half, FaultFired(at_s=1.0, fault="provider.reset")))) == 1
    assert len(findings(NAME, made.history(half, outage("terminated", 1.05, 2.0)))) == 1


def beside(made, **changes):
    """A request that a fault sent, which may be answered 413 or 422."""
    return made.turn(role="beside", expected=(413, 422), **changes)


def test_an_expected_status_passes(made, findings):
    """What is expected is no finding of any invariant, also where the contract of a turn does not name it."""
    answered = beside(made, status=422)
    for name in (NAME, STATUS, RETURNED, EXPECTED):
        assert findings(name, made.history(answered)) == []


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_an_unexpected_status_is_found(made, findings, status):
    """Any other status is found, a success as much as a 5xx, and by this invariant alone."""
    history = made.history(beside(made, status=status))
    assert findings(EXPECTED, history) == [f"{status}, 413 or 422 expected"]
    assert findings(STATUS, history) == []


def test_an_expected_5xx_passes(made, findings):
    """Where a fault expects a 503, or a 501, that is no bug."""
    history = made.history(made.turn(role="beside", expected=(501,), status=501))
    assert findings(EXPECTED, history) == []
    assert findings(STATUS, history) == []


def test_a_request_beside_without_an_answer_is_found_once(made, findings):
    """No answer is found, unless the client left or an outage came between; the deadline's invariant says nothing of it."""
    silent = {"status": None, "body": None, "error": "ReadError"}
    history = made.history(beside(made, **silent))
    assert findings(EXPECTED, history) == ["no answer: ReadError; 413 or 422 expected"]
    assert findings(NAME, history) == []
    assert findings(EXPECTED, made.history(beside(made, **silent, left=True))) == []
    assert findings(EXPECTED, made.history(beside(made, **silent), outage("killed", 1.0, 2.0))) == []
    assert findings(EXPECTED, made.history(made.turn(**silent))) == []


def test_an_error_beside_is_typed_where_it_came_from_the_service(made, findings):
    """A refusal of the server itself has no id and no typed body; one of the service has both, under the id that it gave."""
    plain = {"content-type": "text/plain"}
    refused = beside(made, status=413, headers=plain, body="no")
    untyped = beside(made, status=413, headers={**plain, "x-request-id": "given"}, body="no")
    problem = {"content-type": "application/problem+json", "x-request-id": "given"}
    given = {"status": 413, "headers": problem, "body": {"request_id": "given"}}
    typed = beside(made, request_id="given", **given)
    assert findings(STATUS, made.history(refused)) == []
    assert findings(STATUS, made.history(untyped)) == ["413 without a problem body"]
    assert findings(STATUS, made.history(typed)) == []
    assert findings(RETURNED, made.history(typed, refused)) == []
    assert len(findings(RETURNED, made.history(beside(made, **given)))) == 1

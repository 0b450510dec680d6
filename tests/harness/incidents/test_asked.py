"""What a log tells of requests beside the turns is sent again, as far as that can be done without what they held."""

from harness.contract import Contract
from harness.incidents import Signature, signature_of
from harness.incidents.asked import ASKED_MAX, asked, asking
from harness.logs import parse
from harness.scenario import Request, Scenario, Turn

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")


def log(*requests: str) -> Signature:
    """A log of these requests, each with its status."""
    return signature_of(
        parse(f'INFO:     10.0.0.1:5 - "{one} HTTP/1.1" 200 OK' for one in requests), CONTRACT
    )


def test_requests_that_need_no_body_are_sent_again_the_most_frequent_first() -> None:
    """With their path alone: what was asked for behind it may be what a person wrote, and what has a body is not there."""
    found = asked(
        log("GET /report?day=3", "POST /turn", "DELETE /all", "GET /list", "GET /list", "GET /ready"),
        "/ready",
    )
    assert found == (Request(path="/list"), Request(path="/report"))


def test_what_was_redacted_is_not_sent() -> None:
    """An address in a path is a mark by then, and no request has that path."""
    assert asked(log("GET /of/bob@example.org")) == ()


def test_only_a_few_are_sent() -> None:
    """Each costs a request in each run."""
    assert len(asked(log(*(f"GET /{letter}" for letter in "abcdefghij")))) == ASKED_MAX


def test_they_are_sent_where_a_fault_is() -> None:
    """Behind the first step, which opens the conversation; a drill of one step has no such place."""
    drill = Scenario(name="drill", steps=(Turn(), Turn(session="b")))
    assert asking(drill, [Request(path="/a")]).steps == (Turn(), Request(path="/a"), Turn(session="b"))
    single = Scenario(name="single", steps=(Turn(),))
    assert asking(single, [Request(path="/a")]) == single

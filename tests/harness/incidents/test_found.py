"""What is said of a log beside its causes: that it is of another service, and what nobody sent."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from harness.history import Contract
from harness.incidents import Signature, signature_of
from harness.incidents.diagnose import Cause, Diagnosis
from harness.incidents.distance import Distance
from harness.incidents.found import assumptions, strange, told
from harness.incidents.smaller import Smallest
from harness.logs import parse
from harness.scenario import Turn
from tests.harness.incidents.test_smaller import run

CONTRACT = Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="done")
TURN = 'INFO: "POST /turn HTTP/1.1" 200 OK'


def signature(*lines: str) -> Signature:
    """What a log of these lines says."""
    return signature_of(parse(lines), CONTRACT)


def said(*lines: str, played: int = 1) -> tuple[str, ...]:
    """What is said of a log of these lines beside a service that logs its turns."""
    known = Diagnosis(signature(*lines), healthy=signature("app INFO done", TURN))
    known.played = played
    return strange(known, str)


def test_a_log_of_the_service_is_not_strange() -> None:
    """Where nothing was played nothing is known, and where all was sent nothing is to be said."""
    assert said(TURN, TURN) == ()
    assert said("app INFO another", played=0) == ()


def test_a_log_of_another_service_is_told() -> None:
    """Nothing in it is like anything that the target wrote."""
    (told,) = said("other WARNING of something else")
    assert told.startswith("nothing in this log is like anything that the target logs")


def test_requests_that_no_run_sent_are_told() -> None:
    """Their paths, each once, and of many how many more there are: what they did was not searched."""
    others = [f'INFO: "GET /{name} HTTP/1.1" {status} OK' for name in "abc" for status in (200, 500)]
    assert said(TURN, *others) == (
        "no run sent what the log has of /a, /b, /c: only turns are, and what needs no body",
    )
    many = [f'INFO: "GET /{name} HTTP/1.1" 200 OK' for name in "abcdefg"]
    assert said(TURN, *many)[0].startswith("no run sent what the log has of /a, /b, /c, /d, /e and 2 more:")


def test_the_docstring_says_what_the_run_shares_what_it_lacks_and_what_it_wrote_in_another_order() -> None:
    """Each under its heading; a heading without anything under it is left out."""
    known = Diagnosis(signature("app INFO done", TURN), healthy=signature(TURN))
    tried = run("lost")
    near = Distance(value=0.5, shares=("shared",), lacks=("lacked",), reordered=("late before early",))
    small = Smallest(tried=tried, distance=near, invariant="lost", runs=1)

    def marked(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            text=lambda text: f"<{name} {text}>", line=lambda text: f"<{name} line {text}>"
        )

    shown: Any = SimpleNamespace(ours=marked("ours"), log=marked("log"))

    def docstring(small: Smallest) -> list[str]:
        cause = Cause(tried=tried, distance=small.distance)
        lines = told(known, cause, small, assumed=["a guess"], replay="run it", shown=shown)
        return [line for line in lines if line]

    assert docstring(small)[2:] == [
        "In the log and in a run of this:",
        "  <log shared>",
        "In the log, and not explained by this:",
        "  <log lacked>",
        "In the log, and in another order in a run:",
        "  <log late before early>",
        "Assumed:",
        "  <ours a guess>",
        "Again: run it",
    ]
    alike = replace(small, distance=replace(near, reordered=()))
    assert "In the log, and in another order in a run:" not in docstring(alike)


def test_a_message_that_was_not_needed_is_not_claimed() -> None:
    """What was made smaller may do without the message that was given: then that is what is assumed."""
    known = Diagnosis(signature(TURN), healthy=signature(TURN))
    tried = run("lost")
    small = Smallest(tried=tried, distance=Distance(value=0.0), invariant="lost", runs=1)
    scenario = replace(tried.suspect.scenario, steps=(Turn(message="the words"),))
    kept = replace(small, tried=replace(tried, suspect=replace(tried.suspect, scenario=scenario)))
    assert assumptions(known, None, kept, "the words")[-1].endswith(
        "; the message is the one that --input gave"
    )
    assert assumptions(known, None, small, "the words")[-1].endswith("without the message that --input gave")
    assert "--input" not in assumptions(known, None, small, None)[-1]

"""Each oracle of a fault of the clients passes what is right and finds each way in which it can be broken."""

from dataclasses import replace
from typing import Any

import pytest

from harness.faults import client_holds as holds
from harness.faults.client import ClientDuplicate, ClientFlood, ClientForeignSession, ClientParallelTurns
from harness.faults.client_base import BUSY, FILL, FOREIGN, HELD, ODD_ID, TAKEN, long_header
from harness.faults.client_connections import ClientChunkedBody
from harness.faults.client_requests import ClientHeaderAbuse, ClientHugeBody
from harness.history import LogRecord, Outage
from harness.registry import held_under

KEYED: dict[str, Any] = {"request_headers": {"idempotency-key": "k"}, "message": "say ONE", "canary": "ONE"}
FIRST = {"turn": 1, "method": "first"}


def found(oracle: Any, history: Any) -> list[str]:
    return [finding.message for finding in oracle(history)]


def beside(made: Any, number: int = 2, **changes: Any) -> Any:
    """What came beside turn 1, at the same time, and may be told to wait."""
    told = {"at_s": 1.0, "ended_s": 1.1, "expected": (*HELD, *BUSY), "fault": "client.parallel_turns"}
    return made.turn(number, role="beside", **{**told, **changes})


def stranger(made: Any, number: int = 2, **changes: Any) -> Any:
    """One of a flood."""
    return beside(made, number, **{"fault": "client.flood#2", "session": f"x{number}", **changes})


def keyed(made: Any, **changes: Any) -> tuple[Any, Any]:
    """A turn that came twice under one key, the second time answered as `changes` say."""
    same = {"body": {**FIRST, "request_id": "r-2"}, "reply": "one"}
    return made.turn(**KEYED, body=FIRST, reply="one"), beside(made, **{**KEYED, **same, **changes})


def test_the_same_turn_under_one_key_passes(made: Any) -> None:
    """Its own id in the body, a refusal, and another turn under another key are all right."""
    for second in ({}, {"status": 409}, {"reply": "two", "request_headers": {"idempotency-key": "l"}}):
        assert found(holds.one_answer, made.history(*keyed(made, **second))) == []
    unkeyed = keyed(made, reply="two", request_headers={})
    assert found(holds.one_answer, made.history(*unkeyed)) == []


@pytest.mark.parametrize("second", [{"reply": "two"}, {"session_id": "other"}, {"body": {"turn": 2}}])
def test_two_answers_under_one_key_are_found(made: Any, second: dict[str, Any]) -> None:
    """Another reply, another session and another number are each another turn."""
    assert found(holds.one_answer, made.history(*keyed(made, **second))) == [
        "2 requests under one key have answers that differ"
    ]


def test_streams_under_one_key_are_compared_too(made: Any) -> None:
    """The number of a streamed turn stands in its last event; one that ended in an error says nothing."""
    done = [{"event": "done", "data": {"turn": 2}}]
    assert len(found(holds.one_answer, made.history(*keyed(made, body=done)))) == 1
    assert found(holds.one_answer, made.history(*keyed(made, body=[{"event": "error"}]))) == []


def test_a_turn_that_was_held_twice_is_found_by_what_is_told_later(made: Any) -> None:
    """The provider is told once of what came twice under one key; who always tells it twice does so from the first."""
    first, again = keyed(made)
    later = made.turn(3, message="say TWO", canary="TWO")
    once, twice = made.call(later, told=("say ONE",)), made.call(later, told=("say ONE", "say ONE"))
    own = made.call(first)
    assert found(holds.one_effect, made.history(first, again, later, own, once)) == []
    (message,) = found(holds.one_effect, made.history(first, again, later, own, twice))
    assert message == "sent twice under one key, and held twice: the provider is told 2 times of ONE"
    habit = made.call(first, told=("say ONE",))
    assert found(holds.one_effect, made.history(first, again, later, habit, twice)) == []
    assert found(holds.one_effect, made.history(first, later, own, twice)) == []


def test_of_turns_at_once_one_gets_on(made: Any) -> None:
    """All refused is found; one held, or one turn alone, or one whose client left, is not."""
    refused = made.turn(status=409)
    assert found(holds.one_is_held, made.history(refused, beside(made, status=409))) == [
        "of 2 turns of session a that came at once, none was held"
    ]
    assert found(holds.one_is_held, made.history(refused, beside(made))) == []
    assert found(holds.one_is_held, made.history(refused)) == []
    later = beside(made, status=409, at_s=5.0, ended_s=5.1)
    assert found(holds.one_is_held, made.history(refused, later)) == []
    assert found(holds.one_is_held, made.history(refused, beside(made, session="x", status=409))) == []
    assert found(holds.one_is_held, made.history(replace(refused, left=True), beside(made, status=409))) == []


@pytest.mark.parametrize("also", [{"declared": ("client.flood", "provider.no_reply")}, {}])
def test_where_more_is_broken_nobody_need_be_served(made: Any, also: dict[str, Any]) -> None:
    """A provider that is gone, or an outage, explains that all are refused."""
    outage = () if also else (Outage(at_s=1.0, ended_s=2.0, fault="process.kill", how="killed"),)
    records = (
        made.turn(status=503),
        beside(made, status=503),
        stranger(made, 3, status=503),
        *outage,
    )
    assert found(holds.one_is_held, made.history(*records, **also)) == []
    assert found(holds.some_served, made.history(*records, **also)) == []


def test_a_flood_in_which_nobody_is_served_is_found(made: Any) -> None:
    """One stranger that is served is enough; whose session it is decides who is a stranger."""
    shed, served = (stranger(made, n, status=status) for n, status in ((2, 503), (3, 200)))
    assert found(holds.some_served, made.history(made.turn(), shed, declared=("client.flood#2",))) == [
        "none of 1 that came in a flood was served"
    ]
    assert found(holds.some_served, made.history(made.turn(), shed, served)) == []
    assert found(holds.some_served, made.history(made.turn(), stranger(made, session="a", status=503))) == []


@pytest.mark.parametrize(
    ("status", "retry_after", "session", "message"),
    [
        (503, "1", "x", None),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", "x", None),
        (409, None, "a", None),
        (200, None, "x", None),
        (None, None, "x", None),
        (503, None, "x", "503 that says not when to come again"),
        (429, "soon", "a", "429 that says not when to come again"),
        (409, None, "x", "409 is no way to be told to wait"),
        (504, "1", "a", "504 is no way to be told to wait"),
    ],
)
def test_who_is_not_served_is_told_to_wait(
    made: Any, status: int | None, retry_after: str | None, session: str, message: str | None
) -> None:
    """429 and 503 carry a Retry-After that can be read, 409 is for a session that is in use, and there is nothing else."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    one = beside(made, session=session, status=status, headers=headers)
    assert found(holds.told_to_wait, made.history(made.turn(), one)) == ([] if message is None else [message])


def test_what_another_fault_sent_is_not_judged(made: Any) -> None:
    """Beside a flood a body that is refused as too large, and who asks for the readiness of a store that is down, are right."""
    for other in (
        beside(made, session="x", fault="client.huge_body", status=413, expected=TAKEN),
        beside(made, session="x", fault="store.down", path="/ready", status=503, expected=(200, 503)),
    ):
        history = made.history(made.turn(status=503), other)
        for oracle in (holds.told_to_wait, holds.some_served, holds.one_is_held):
            assert found(oracle, history) == []


def huge(made: Any, **changes: Any) -> Any:
    """A body that is too large."""
    return beside(made, session="x", **{"fault": "client.huge_body", **changes})


@pytest.mark.parametrize(
    ("limit", "status", "count"), [(1000, 413, 0), (1000, 200, 1), (1000, 422, 1), (9000, 200, 0)]
)
def test_a_body_above_the_promised_limit_is_refused_as_such(
    made: Any, limit: int, status: int, count: int
) -> None:
    """Above the limit it is 413 and nothing else, below it nothing is asked."""
    oracle = holds.too_large("client.huge_body", 2000)
    contract = replace(made.header().contract, body_bytes_max=limit)
    messages = found(oracle, made.history(huge(made, status=status), contract=contract))
    assert len(messages) == count
    assert found(oracle, made.history(beside(made, status=422), contract=contract)) == []
    assert found(oracle, made.history(huge(made, status=None), contract=contract)) == []
    small = huge(made, fault="client.chunked_body", message="xxx", status=200)
    assert found(oracle, made.history(small, contract=contract)) == []


def test_a_large_body_may_be_taken_where_no_limit_is_promised(made: Any) -> None:
    """Without a promise any answer that is no bug will do; the oracle of each is one of the promise, and finds it broken."""
    for fault in (ClientHugeBody(), ClientChunkedBody()):
        (oracle,) = held_under([fault])
        assert oracle.promises == ("body_bytes_max",)
        assert oracle.name == f"{fault.name}.too_large"
        taken = huge(made, fault=fault.name, status=200)
        contract = replace(made.header().contract, body_bytes_max=1)
        assert len(found(oracle, made.history(taken, contract=contract))) == 1


def test_a_session_that_nobody_was_given_is_not_made(made: Any) -> None:
    """Where a status is promised for it, every other one is found."""
    contract = replace(made.header().contract, unknown_session_status=404)
    for status, messages in (
        (404, []),
        (None, []),
        (200, ["200 in a session that nobody was given, 404 promised"]),
    ):
        one = beside(made, status=status, expected=FOREIGN)
        assert found(holds.unknown_session, made.history(made.turn(), one, contract=contract)) == messages
        crowd = made.history(made.turn(), beside(made, status=status), contract=contract)
        assert found(holds.unknown_session, crowd) == []


@pytest.mark.parametrize(
    ("returned", "count"), [("r-2", 0), (ODD_ID, 1), (FILL * 50, 1), ("", 1), ("a b", 1)]
)
def test_an_id_that_should_have_been_replaced_is_found(made: Any, returned: str, count: int) -> None:
    """An id is a short word; blanks, quotes and kilobytes are not answered."""
    one = beside(made, headers={"x-request-id": returned})
    assert len(found(holds.id_replaced, made.history(made.turn(), one, beside(made, headers={})))) == count


@pytest.mark.parametrize(
    ("text", "request_id", "count"),
    [
        ('{"event": "done"}', "r-2", 0),
        (f'{{"id": "{FILL}..."}}', None, 0),
        (f"done {ODD_ID}", None, 1),
        ("done", ODD_ID, 1),
        (f"done id={long_header(20_000)}", None, 1),
        (f"done id={long_header(400)}...", None, 0),
    ],
)
def test_what_a_header_says_is_no_part_of_the_log(
    made: Any, text: str, request_id: str | None, count: int
) -> None:
    """A cut is right; as it came, or under it as an id, or at its whole length it is found."""
    line = LogRecord(source="app", line=1, text=text, request_id=request_id)
    assert len(found(holds.not_logged(20_000), made.history(line))) == count


def test_an_id_that_is_not_too_long_may_be_logged(made: Any) -> None:
    """What is as short as any id stands in a log by right."""
    line = LogRecord(source="app", line=1, text=f"done id={long_header(200)}")
    assert found(holds.not_logged(200), made.history(line)) == []


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (ClientDuplicate(), {"client.one_answer", "client.one_effect"}),
        (ClientParallelTurns(), {"client.one_is_held", "client.told_to_wait"}),
        (ClientFlood(), {"client.some_served", "client.told_to_wait"}),
        (ClientForeignSession(), {"client.unknown_session"}),
        (ClientHeaderAbuse(), {"client.id_replaced", "client.not_logged"}),
    ],
)
def test_each_fault_is_held_to_its_own(fault: Any, names: set[str]) -> None:
    """The oracles are those of the faults that send what they judge."""
    assert {oracle.name for oracle in held_under([fault])} == names

"""Each oracle of a fault of the store passes what is right and finds each way in which it can be broken."""

from dataclasses import replace
from typing import Any

import pytest

from harness.faults import store_holds as holds
from harness.faults.store import StoreDiskFull, StoreDown, StoreLocked
from harness.faults.store_commits import StoreCommitFails, StoreCommitUncertain
from harness.faults.store_reads import StoreStaleRead
from harness.faults.store_rows import StoreCorruptRow
from harness.history import Exchange, FaultFired, Outage
from harness.registry import held_under
from harness.rig import Window


def found(oracle: Any, history: Any) -> list[str]:
    return [finding.message for finding in oracle(history)]


def unavailable(made: Any, said: str | None, **changes: Any) -> Exchange:
    """A 503 with this Retry-After."""
    turn = made.turn(status=503, **changes)
    return replace(turn, headers={**turn.headers, **({} if said is None else {"retry-after": said})})


@pytest.mark.parametrize("said", ["0", "1", "86400", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_a_503_that_says_when_to_come_again_is_right(made, said):
    """Whole seconds and a date as HTTP writes it are what a client can read; other answers owe nothing."""
    history = made.history(unavailable(made, said), made.turn(2), made.turn(3, status=404))
    assert found(holds.retry_after, history) == []


@pytest.mark.parametrize("said", ["", "-1", "1.5", "soon", "1s", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994"])
def test_a_retry_after_that_nobody_can_read_is_found(made, said):
    """Fractions, units, words and dates of another kind are neither."""
    assert found(holds.retry_after, made.history(unavailable(made, said))) == [
        f"Retry-After is neither whole seconds nor an HTTP date: {said!r}"
    ]


def test_a_503_without_a_retry_after_is_found(made):
    """A turn and any other request owe it, but not what a fault has sent beside them."""
    turns = [unavailable(made, None, role=role) for role in ("turn", "golden", "request", "beside")]
    assert found(holds.retry_after, made.history(*turns)) == ["503 without a Retry-After"] * 3


def down(at_s: float, fault: str = "store.down") -> FaultFired:
    return FaultFired(at_s=at_s, fault=fault, detail="read: failed")


@pytest.fixture
def judged(made):
    """What is found where the readiness was asked for at these times, and was this."""

    def judge(asked: dict[float, int | None], *more: Any, fired: tuple[Any, ...] = (down(2.0), down(5.0))):
        contract = replace(made.header().contract, ready_path="/ready")
        probes = [
            made.turn(at_s=at_s, ended_s=at_s + 0.1, method="GET", path="/ready", status=status)
            for at_s, status in asked.items()
        ]
        return found(holds.readiness_follows, made.history(*fired, *probes, *more, contract=contract))

    return judge


def test_a_readiness_that_follows_the_store_is_right(judged):
    """Not ready once while it is down is enough, and ready at the last; nobody asked, or nothing fired, is no finding."""
    assert judged({1.0: 200, 3.0: 200, 4.0: 503, 6.0: 503, 7.0: 200}) == []
    assert judged({1.0: 200, 7.0: 200}) == []
    assert judged({}) == []
    assert judged({3.0: 200}, fired=()) == []
    assert judged({3.0: 200}, fired=(down(2.0, "store.slow"), down(5.0, "store.slow"))) == []


def test_a_readiness_that_does_not_follow_is_found(judged):
    """Ready all the time that it was down, under whatever number the fault is declared; or not again when it is back."""
    numbered = (down(2.0, "store.down#2"), down(5.0, "store.down#2"))
    for fired in (numbered, (down(2.0), down(5.0))):
        assert judged({3.0: 200, 4.95: 200, 7.0: 200}, fired=fired) == ["ready while the store was down"]
    assert judged({3.0: 503, 6.0: 200, 7.0: 503}) == ["not ready after the store was back"]
    assert judged({3.0: None, 7.0: None}) == [
        "ready while the store was down",
        "not ready after the store was back",
    ]
    outage = Outage(at_s=6.5, ended_s=8.0, fault="process.kill", how="killed")
    assert judged({3.0: 503, 7.0: None}, outage) == []


def damaged(*values: str) -> list[FaultFired]:
    """Firings on rows that were asked for by these values."""
    return [
        FaultFired(
            at_s=1.0, fault="store.corrupt_row", detail=f"read (SELECT a): rows damaged (cut) of {one!r}"
        )
        for one in values
    ]


def test_others_that_are_not_served_are_found(made):
    """Where session a is damaged, b owes a whole 200: no error, no break; a may be refused."""
    for fine in (made.turn(2, session="b"), made.turn(2, status=503), made.turn(2, session="b", left=True)):
        assert found(holds.others_served, made.history(made.turn(), fine, *damaged("s-a"))) == []
    for wrong in ({"status": 503}, {"status": 404}, {"status": None}, {"error": "ReadError"}):
        turn = made.turn(2, session="b", **wrong)
        assert found(holds.others_served, made.history(made.turn(), turn, *damaged("s-a"))) == [
            "session b was not served, only session a was damaged"
        ]


def test_whose_rows_nobody_can_tell_excuse_nobody_and_accuse_nobody(made):
    """A value that is no session's id, or only begins like one, names none; a session that was damaged too is excused."""
    turns = [made.turn(), made.turn(2, session="b", status=503)]
    assert found(holds.others_served, made.history(*turns, *damaged("owner", "s-a2"))) == []
    assert found(holds.others_served, made.history(*turns, *damaged("s-a", "s-b"))) == []
    assert found(holds.others_served, made.history(*turns)) == []


def keyed(made: Any, number: int, key: str = "once", **changes: Any) -> Exchange:
    return made.turn(number, request_headers={"idempotency-key": key}, **changes)


def test_another_answer_under_the_same_key_is_found(made):
    """What was answered 200 once is answered so again: the same reply, and the same fields."""
    first = keyed(made, 1, reply="Hi!")
    other = keyed(made, 2, reply="Hi!")  # its body names turn 2
    said = "another answer under the same key as request r-1"
    assert found(holds.same_answer, made.history(first, other)) == [said]
    assert found(holds.same_answer, made.history(first, replace(first, reply="Ho!"))) == [said]


def test_the_same_answer_and_answers_to_others_are_right(made):
    """An error in between, another key, another session and none at all are all right; a stream may be cut otherwise."""
    first = keyed(made, 1, reply="Hi!")
    again = replace(first, at_s=3.0, ended_s=3.1, request_id="r-3")
    assert found(holds.same_answer, made.history(first, keyed(made, 2, status=503), again)) == []
    for other in (keyed(made, 2, "twice"), keyed(made, 2, session="b"), made.turn(2)):
        assert found(holds.same_answer, made.history(first, other)) == []
    stream = replace(again, headers={"content-type": "text/event-stream"}, body=[{"event": "done"}])
    assert found(holds.same_answer, made.history(first, stream)) == []


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (StoreDown(), {"store.retry_after", "store.readiness_follows"}),
        (StoreDown(on="write"), {"store.retry_after", "store.readiness_follows"}),
        (StoreDown(on="read"), {"store.retry_after"}),
        (StoreDown(window=Window(every_k=2)), {"store.retry_after"}),
        (StoreDown(window=Window(first_n=2)), {"store.retry_after"}),
        (StoreDown(window=Window(p=0.5)), {"store.retry_after"}),
        (StoreDiskFull(), {"store.retry_after"}),
        (StoreCommitFails(), {"store.retry_after", "client.one_effect"}),
        (StoreLocked(), {"store.retry_after"}),
        (StoreCorruptRow(), {"store.others_served", "store.history_told_again"}),
        (StoreCommitUncertain(), {"store.same_answer", "client.one_effect"}),
        (StoreStaleRead(), {"store.same_answer", "store.history_told_again"}),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value),
)
def test_what_holds_under_a_fault(fault, names):
    """Each fault is held to its own oracles; a readiness need not tell of reads that fail, nor of what fails now and then."""
    assert {one.name for one in held_under([fault])} == names

"""Signatures: counted by request, with the lines that show them, through JSON and back; and what is odd in one."""

from collections.abc import Iterator

import pytest

from harness.contract import Contract
from harness.history import LogRecord
from harness.incidents import Signature, odd, signature_of
from harness.logs import parse

TURN = """
{"event":"begun","request_id":"ID","session":"5a16faf418ce","count":0}
{"event":"request_done","request_id":"ID","status_code":200,"success":true}
"""


@pytest.fixture
def contract() -> Contract:
    """A service that writes one completion a request."""
    return Contract(turn_path="/turn", deadline_s=1.0, statuses=(200,), completion_event="request_done")


def text(turns: int, *, bad: int = 0) -> str:
    """A log of so many turns, and of bad ones that answer 500 and call it a success."""
    good = "".join(TURN.replace("ID", f"a{number}") for number in range(turns))
    return good + "".join(TURN.replace("ID", f"b{number}").replace("200", "500") for number in range(bad))


def of(log: str, contract: Contract) -> Signature:
    """The signature of a text."""
    return signature_of(parse(log.splitlines()), contract)


def test_a_trait_counts_once_for_each_request_that_has_it(contract: Contract) -> None:
    """What a request says twice counts once, and up to three lines are kept as evidence."""
    assert of(TURN + TURN, contract).traits["begun"] == 1
    found = of(text(5), contract)
    assert found.threads == 5
    assert found.traits["request_done: status_code=200 with success=true"] == 5
    assert found.traits["begun"] == 5
    assert [one.line for one in found.examples["begun"]] == [2, 5, 8]
    assert "begun" in found.examples["begun"][0].text


def test_the_line_that_shows_a_trait_is_the_first_of_its_request(contract: Contract) -> None:
    """Where a request says the same twice, the evidence is the line that said it first, in each request."""
    twice = TURN.replace('"count":0}', '"count":0}\n{"event":"begun","request_id":"ID"}')
    found = of(twice + twice.replace("ID", "other"), contract)
    assert [one.line for one in found.examples["begun"]] == [2, 6]


def test_no_more_traits_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch, contract: Contract) -> None:
    """Of a log with free text where events should be the first traits are kept, and these are counted on."""
    monkeypatch.setattr("harness.incidents.signature.TRAITS_MAX", 30)
    events = ["first", *("x" * (1 + number) for number in range(100)), "first"]
    lines = (f'{{"event":"{event}","request_id":"r{number}"}}' for number, event in enumerate(events))
    found = of("\n".join(lines), contract)
    assert len(found.traits) == len(found.examples) == 30
    assert found.traits["first"] == 2


def test_healthy_lines_around_an_incident_vanish(contract: Contract) -> None:
    """Only what the healthy log has not, or clearly less often, is odd; however much of it stands around."""
    found = odd(of(text(400, bad=1), contract), of(text(50), contract))
    assert set(found.traits) == {
        "request_done: status_code=500",
        "request_done: status_code=500 with success=true",
        "answered with 500",
    }


def test_what_a_healthy_log_has_now_and_then_is_odd_where_it_is_clearly_more(contract: Contract) -> None:
    """A trait that healthy requests have, too, is odd by its rate alone, and never for one time more."""
    healthy = of(text(90, bad=10), contract)
    assert odd(of(text(9, bad=2), contract), healthy).traits == {}
    assert odd(of(text(1, bad=1), contract), of(text(99, bad=1), contract)).traits == {}
    more = odd(of(text(1, bad=9), contract), healthy).traits
    assert more["answered with 500"] == pytest.approx(1 - 1 / 9)


def test_a_number_is_odd_where_it_is_larger_than_mostly(contract: Contract) -> None:
    """That a step was quicker than most is no sign of an incident; that it was slower is."""

    def took(*seconds: float) -> Signature:
        return of("\n".join(f"app INFO request_done took_s={one}" for one in seconds), contract)

    healthy = took(*[0.2] * 98, 0.01, 5.0)
    assert odd(took(*[0.02] * 9, 0.2), healthy).traits == {}
    assert set(odd(took(*[5.0] * 9, 0.2), healthy).traits) == {"request_done: took_s=~1e0"}


def test_one_more_value_of_a_field_that_has_many_is_not_odd(contract: Contract) -> None:
    """A field that takes many values in a healthy log tells what was asked for; statuses are never such a field."""
    healthy = of(
        "\n".join(
            f"app INFO asked about={word} status={status}"
            for word, status in zip(("mail", "weather", "help", "music"), (200, 201, 202, 204), strict=True)
        ),
        contract,
    )
    found = odd(of("app INFO asked about=trains status=500", contract), healthy)
    assert set(found.traits) == {"asked: status=500"}


def test_a_conversation_that_begins_again_is_told_from_a_new_one(contract: Contract) -> None:
    """What a session says again, and how its counts go on, are traits that one request alone has not."""
    first = '{"event":"built","request_id":"%s","session":"s1","count":%d}'
    lost = of("\n".join(first % (name, 1) for name in "ab"), contract)
    kept = of("\n".join(first % (name, count) for name, count in (("a", 1), ("b", 3))), contract)
    assert "built: count stays in its session" in odd(lost, kept).traits
    assert "built: count grows by 2 in its session" in odd(kept, lost).traits
    assert "built, again in its session" in lost.traits


def test_a_log_is_read_once_and_not_kept(contract: Contract) -> None:
    """A signature takes a stream of any length: no request that is over is held, and few lines are."""
    held: list[int] = []

    def lines() -> Iterator[LogRecord]:
        for record in parse(f"app INFO request_done status_code=200 n={number}" for number in range(2_000)):
            held.append(record.line)
            yield record

    found = signature_of(lines(), contract)
    assert (found.threads, len(held)) == (2_000, 2_000)
    assert sum(len(shown) for shown in found.examples.values()) <= 3 * len(found.traits)
    assert len(found.traits) < 10

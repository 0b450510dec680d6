"""Each oracle of a fault of the provider passes what is right and finds each way in which it can be broken."""

import math
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import holds
from harness.faults.completions import ProviderFinishLength, ProviderMalformedJson, ProviderSchemaMisfit
from harness.faults.provider import ProviderRateLimited
from harness.faults.provider_semantics import ProviderSecretEcho
from harness.history import LogRecord
from harness.provider import Witness
from harness.registry import FAULTS, held_under
from harness.variants import variants

FAULT = "provider.truncated_body"
TAKEN = holds.never_taken(FAULT)
ONCE = holds.called_once(FAULT)
KEY = "sk-proj-0123_456.789"


def found(oracle: Any, history: Any) -> list[str]:
    return [finding.message for finding in oracle(history)]


def logged(text: str) -> LogRecord:
    return LogRecord(source="app", line=7, text=text)


def test_a_spoilt_answer_that_was_taken_for_whole_is_found(made):
    """The primary level cannot have answered where each of its calls was spoilt, under whatever number of the fault."""
    turn = made.turn()
    for shaped in (FAULT, f"{FAULT}#2", f"provider.no_reply, {FAULT}"):
        history = made.history(turn, made.call(turn, fault=shaped))
        assert found(TAKEN, history) == ["answered by first, which had no whole answer"]


def test_a_spoilt_stream_that_was_taken_for_whole_is_found(made):
    """A stream names its level in its last event."""
    said = [{"event": "delta", "data": {}}, {"event": "done", "data": {"method": "first"}}]
    turn = made.turn(body=said)
    assert len(found(TAKEN, made.history(turn, made.call(turn, fault=FAULT)))) == 1
    cut = made.turn(body=said[:1])
    assert found(TAKEN, made.history(cut, made.call(cut, fault=FAULT))) == []


def test_who_had_another_answer_may_give_it(made):
    """A second call that was whole, a lower level, an error, and another fault are all right."""
    turn, spoilt = made.turn(), {"fault": FAULT}
    assert found(TAKEN, made.history(turn, made.call(turn, **spoilt), made.call(turn))) == []
    lower = made.turn(body={"method": "second"})
    assert found(TAKEN, made.history(lower, made.call(lower, **spoilt))) == []
    failed = made.turn(status=503)
    assert found(TAKEN, made.history(failed, made.call(failed, **spoilt))) == []
    assert found(TAKEN, made.history(turn, made.call(turn, fault="provider.no_reply"))) == []
    assert found(TAKEN, made.history(turn)) == []


def test_a_call_that_is_made_again_in_vain_is_found(made):
    """Two calls of one request and level, both met by an answer for good, are one too many."""
    turn = made.turn()
    twice = [made.call(turn, fault=FAULT), made.call(turn, fault=FAULT)]
    assert found(ONCE, made.history(turn, *twice)) == [
        "2 calls of level conversation, though no retry could mend the first"
    ]
    levels = [made.call(turn, fault=FAULT), made.call(turn, fault=FAULT, level="structured")]
    assert found(ONCE, made.history(turn, *levels)) == []
    assert found(ONCE, made.history(turn, made.call(turn, fault=FAULT), made.call(turn))) == []


def test_a_request_that_was_sent_twice_may_cost_two_calls(made):
    """What the client sends again is not the service's own retry."""
    turn = made.turn()
    twice = [made.call(turn, fault=FAULT), made.call(turn, fault=FAULT)]
    assert found(ONCE, made.history(turn, turn, *twice)) == []


def test_an_error_page_in_an_answer_is_found(made):
    """A proxy's page has no business in any answer, as text or within an object."""
    page = "<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>"
    for body in (page, {"response": f"It said: {page}"}):
        assert len(found(holds.no_error_page, made.history(made.turn(body=body)))) == 1
    assert found(holds.no_error_page, made.history(made.turn())) == []


def test_an_empty_reply_is_found(made):
    """A 200 whose reply is missing or blank is a failure that says it is none; an error has no reply."""
    for reply in (None, "", " \n"):
        assert len(found(holds.no_empty_answer, made.history(made.turn(reply=reply)))) == 1
    right = [made.turn(reply="Hi!"), made.turn(2, status=503)]
    assert found(holds.no_empty_answer, made.history(*right)) == []


@pytest.mark.parametrize(
    "body",
    [
        {"scores": [0.5, math.nan]},
        {"deep": {"confidence": -math.inf}},
        '{"confidence": NaN}',
        '{"confidence":-Infinity}',
        "[NaN]",
    ],
)
def test_a_number_that_is_none_is_found(made, body):
    """Wherever it stands, parsed or in what no parser takes."""
    assert len(found(holds.only_numbers, made.history(made.turn(body=body)))) == 1


@pytest.mark.parametrize("body", [{"text": "it is: NaN", "confidence": 1.7}, '{"broken": "Infinity', None])
def test_a_word_is_no_number(made, body):
    """Text may say NaN, a number out of its range is a number, and what is no JSON is not judged."""
    assert found(holds.only_numbers, made.history(made.turn(body=body))) == []
    plain = made.turn(body="[NaN]", headers={"content-type": "text/plain"})
    assert found(holds.only_numbers, made.history(plain)) == []


def test_anothers_answer_is_found(made):
    """A session's earlier reply is none to a later turn, also to one that has no canary of its own."""
    first = made.turn(canary="APPLE", reply="You said APPLE.")
    for canary in ("PEAR", None):
        stale = made.turn(2, canary=canary, reply="You said APPLE.")
        assert found(holds.own_answer, made.history(first, stale)) == [
            "answered with what an earlier turn was told: APPLE"
        ]


def test_an_own_answer_may_look_back(made):
    """A reply may speak of an earlier turn of its session, and a turn that is sent again gets the same reply again."""
    first = made.turn(canary="APPLE", reply="You said APPLE.")
    later = made.turn(2, canary="PEAR", reply="First APPLE, now PEAR.")
    again = made.turn(3, canary="APPLE", reply="You said APPLE.")
    assert found(holds.own_answer, made.history(first, later, again)) == []
    elsewhere = made.turn(2, canary="PEAR", reply="You said APPLE.", session="b")  # what another oracle finds
    assert found(holds.own_answer, made.history(first, elsewhere)) == []
    silent = [made.turn(number, reply=None, canary=f"PLUM{number}") for number in (4, 5)]
    assert found(holds.own_answer, made.history(first, *silent)) == []


def redacted(key: str = KEY) -> dict[str, str]:
    """The headers of a call as the provider's account has them."""
    witness = Witness(now=lambda: 0.0)
    headers = {"authorization": f"Bearer {key}", "accept": "*/*"}
    ordinal = witness.begin(level="conversation", request_id="r-1", messages=(), headers=headers)
    witness.answered(ordinal, 401, b"")
    return dict(witness.records()[0].headers)


@pytest.mark.parametrize(
    "text",
    [KEY, f"key provided: {KEY}.", f"?key={KEY}&x=1", f'{{"authorization":"Bearer {KEY}"}}', f"('{KEY}',)"],
)
def test_a_key_that_leaks_is_found(made, text):
    """In a log line, in a body and in a header, however it is quoted; the evidence does not repeat it."""
    turn = made.turn()
    call = made.call(turn, headers=redacted())
    leaks = [
        made.history(turn, call, logged(text)),
        made.history(made.turn(body={"detail": text}), call),
        made.history(made.turn(body=text), call),
        made.history(made.turn(headers={"x-error": text}), call),
    ]
    for history in leaks:
        (finding,) = holds.secret_kept(history)
        assert KEY not in finding.evidence + finding.message


def test_a_key_that_is_kept_is_not_found(made):
    """Its mark, its first letters, a masked one and another key are no leak; nor is a key that nobody sent."""
    turn = made.turn()
    call = made.call(turn, headers=redacted())
    for text in (redacted()["authorization"], KEY[:7], f"{KEY[:4]}***{KEY[-3:]}", "sk-another-key"):
        assert found(holds.secret_kept, made.history(turn, call, logged(text))) == []
    assert found(holds.secret_kept, made.history(turn, made.call(turn), logged(KEY))) == []


def test_a_placeholder_is_no_key(made):
    """Whoever gives `test` for a key has none to keep, and may use the word."""
    turn = made.turn()
    call = made.call(turn, headers=redacted("test"))
    assert found(holds.secret_kept, made.history(turn, call, logged("a test"))) == []


def test_only_a_quota_is_worth_no_second_call():
    """What holds follows the knob: a rate limit may be retried, a quota that is used up may not."""
    names = [one.name for one in held_under([ProviderRateLimited(code="insufficient_quota")])]
    assert "provider.rate_limited.called_once" in names
    assert "provider.rate_limited.called_once" not in [
        one.name for one in held_under([ProviderRateLimited()])
    ]
    assert holds.secret_kept in held_under([ProviderSecretEcho()])


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (ProviderSchemaMisfit(form="empty_choices"), {"schema_misfit.never_taken", "no_empty_answer"}),
        (ProviderSchemaMisfit(form="no_choices"), {"schema_misfit.never_taken", "no_empty_answer"}),
        (ProviderSchemaMisfit(), set()),
        (ProviderMalformedJson(form="html"), {"malformed_json.never_taken", "no_error_page"}),
        (ProviderMalformedJson(form="wrong_charset"), {"malformed_json.never_taken", "no_error_page"}),
        (ProviderMalformedJson(form="fenced"), {"no_error_page"}),
        (ProviderFinishLength(), {"finish_length.never_taken", "finish_length.called_once"}),
    ],
)
def test_what_holds_nothing_whole_is_not_taken(fault, names):
    """An envelope without an answer is never taken for one; one whose content is broken may be mended."""
    assert {one.name.removeprefix("provider.") for one in held_under([fault])} == names


def test_an_oracle_of_one_fault_is_named_for_that_fault():
    """No class holds an oracle that was made for another's name, which would never find anything."""
    for name, kind in FAULTS.items():
        if name.startswith("provider."):
            for fault in variants(kind):
                own = [one.name for one in held_under([fault]) if one.name.endswith(("_taken", "_once"))]
                assert all(one.startswith(f"{name}.") for one in own), name


def test_an_unknown_choice_is_refused():
    """A fault whose holds depend on a knob refuses one that it does not know before anybody asks what holds."""
    with pytest.raises(UsageError, match="code="):
        ProviderRateLimited(code="none")


WHOLE = holds.never_whole(FAULT)
TEXT = "Here is what I know about QXZWVB. It is a lot."


def cut(made, turn, **changes):
    """A call for the turn whose answer was cut."""
    said = ({"role": "user", "content": turn.message},)
    return made.call(turn, **{"fault": FAULT, "text": TEXT, "messages": said, **changes})


def test_a_part_that_is_given_out_as_the_whole_is_found(made):
    """A turn answered to its end with the beginning of what was meant, where no call of it was whole."""
    turn = made.turn(message="About QXZWVB?", canary="QXZWVB", reply="Here is what")
    assert len(found(WHOLE, made.history(turn, cut(made, turn)))) == 1
    whole = cut(made, turn, fault=None)
    assert found(WHOLE, made.history(turn, cut(made, turn), whole)) == []
    for fine in (
        {"reply": TEXT},
        {"reply": "Try again later."},
        {"status": 503},
        {"error": "ReadError"},
        {"body": [{"event": "piece"}, {"event": "error"}]},
    ):
        other = made.turn(**{"message": turn.message, "canary": turn.canary, "reply": turn.reply, **fine})
        assert found(WHOLE, made.history(other, cut(made, other))) == []


def test_a_part_that_is_kept_as_the_whole_is_found(made):
    """What was cut is told to the provider, in a later turn, as if it had been the assistant's answer."""
    turn = made.turn(message="About QXZWVB?", canary="QXZWVB", status=503)
    later = made.turn(2)
    for part, findings in (("Here is what", 1), (TEXT, 0), ("Here is what [cut off]", 0), ("", 0)):
        told = ({"role": "assistant", "content": part}, {"role": "user", "content": later.message})
        history = made.history(turn, cut(made, turn), later, made.call(later, messages=told))
        assert len(found(WHOLE, history)) == findings, part


def of_every_fault(kind: str) -> list[tuple[str, Any]]:
    """The oracles of one kind as the faults themselves hold them, each once."""
    every = held_under([fault for made in FAULTS.values() for fault in variants(made)])
    return sorted({one.name: one for one in every if one.name.endswith(f".{kind}")}.items())


@pytest.mark.parametrize(("name", "oracle"), of_every_fault("never_taken"))
def test_each_fault_that_spoils_an_answer_finds_it_taken(made, name, oracle):
    """Not only the one above: under each such fault, what it shaped is no answer."""
    turn = made.turn()
    assert len(found(oracle, made.history(turn, made.call(turn, fault=name.rpartition(".")[0])))) == 1


@pytest.mark.parametrize(("name", "oracle"), of_every_fault("called_once"))
def test_each_fault_that_answers_for_good_finds_a_second_call(made, name, oracle):
    """Under each such fault two calls of one request and level are one too many."""
    turn, fault = made.turn(), name.rpartition(".")[0]
    twice = [made.call(turn, fault=fault), made.call(turn, fault=fault)]
    assert len(found(oracle, made.history(turn, *twice))) == 1


@pytest.mark.parametrize(("name", "oracle"), of_every_fault("never_whole"))
def test_each_fault_that_cuts_an_answer_finds_the_part_given_out(made, name, oracle):
    """Under each such fault the beginning of what was meant is not the answer."""
    turn = made.turn(message="About QXZWVB?", canary="QXZWVB", reply="Here is what")
    assert len(found(oracle, made.history(turn, cut(made, turn, fault=name.rpartition(".")[0])))) == 1

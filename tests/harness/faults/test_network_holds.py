"""Each oracle of a fault of the network passes what is right and finds each way in which it can be broken."""

import json
from typing import Any

import pytest

from harness.faults import network_holds as holds
from harness.faults.client_holds import one_effect
from harness.faults.network_ends import NetworkDropResponse
from harness.faults.network_link import LinkFault
from harness.faults.process import ProcessKill
from harness.registry import FAULTS, held_under
from harness.variants import variants

FAULT = "network.slicer"
KEPT = holds.text_kept(FAULT)
SAID = "Here is what I know about the Zwölf of them. Would you like an e-mail about it?"


def found(oracle: Any, history: Any) -> list[str]:
    return [finding.message for finding in oracle(history)]


def told(
    made: Any, reply: str, text: str = SAID, number: int = 1, turn: dict[str, Any] | None = None, **call: Any
) -> tuple[Any, Any]:
    """A turn with its reply, and the shaped call in which the provider said the text."""
    values = {"reply": reply, "canary": f"W{number}", "message": f"About W{number}", **(turn or {})}
    asked = made.turn(number, **values)
    return asked, made.call(asked, **{"text": text, "fault": FAULT, **call})


@pytest.mark.parametrize(
    "reply", [SAID.replace("ö", "\N{REPLACEMENT CHARACTER}" * 2), SAID.replace(" ", ""), SAID[:60], SAID[20:]]
)
@pytest.mark.parametrize("text", [SAID, json.dumps({"reply": SAID, "confidence": 1})])
def test_a_damaged_reply_is_found(made: Any, reply: str, text: str) -> None:
    """A reply with a character, its blanks, its end or its beginning lost is not the provider's text, bare or in JSON."""
    assert found(KEPT, made.history(*told(made, reply, text))) == [
        f"the reply is not the provider's text: {reply!r}"
    ]


@pytest.mark.parametrize(
    "reply",
    [SAID, f"  {SAID}\n", f"**{SAID}** (by the shop)", "I cannot help you now.", SAID.replace(". ", ".\n")],
)
def test_a_reply_that_holds_the_text_or_none_of_it_is_right(made: Any, reply: str) -> None:
    """The text with something around it, with other white space, and a fallback of the service's own are all right."""
    assert found(KEPT, made.history(*told(made, reply))) == []


def test_a_service_that_changes_what_it_is_told_is_not_judged(made: Any) -> None:
    """Where a reply is another than the text though the fault did nothing, nothing is to be learned from those it shaped."""
    calm = told(made, SAID.upper()[:30] + SAID[30:], number=2, fault=None)
    assert found(KEPT, made.history(*told(made, SAID[:60]), *calm)) == []
    whole = told(made, SAID, number=2, fault=None)
    assert len(found(KEPT, made.history(*told(made, SAID[:60]), *whole))) == 1


def test_what_is_no_whole_answer_is_not_judged(made: Any) -> None:
    """An error, a stream that ends with one, and a call that another fault shaped are none of this oracle's."""
    assert found(KEPT, made.history(*told(made, SAID[:60], fault="provider.no_reply"))) == []
    assert found(KEPT, made.history(*told(made, SAID[:60], turn={"status": 503}))) == []
    broken = {"body": [{"event": "error", "data": {}}]}
    assert found(KEPT, made.history(*told(made, SAID[:60], turn=broken))) == []


def test_what_is_told_twice_is_found(made: Any) -> None:
    """A message that was sent once is twice in what the provider is told."""
    turn = made.turn()
    history = made.history(turn, made.call(turn, told=(turn.message,)))
    assert found(holds.told_once, history) == [f"told 2 times: {turn.message!r}"]


def test_what_was_sent_twice_may_be_told_twice(made: Any) -> None:
    """A client that says it again may be heard again, and a text of the service's own may come as often as it likes."""
    turn, again = made.turn(), made.turn()
    assert found(holds.told_once, made.history(turn, again, made.call(again, told=(turn.message,)))) == []
    assert found(holds.told_once, made.history(turn, made.call(turn, told=("Be kind.", "Be kind.")))) == []


def test_what_was_answered_is_not_asked_again(made: Any) -> None:
    """The same call twice for one request, both answered and undisturbed, was made twice for nothing."""
    turn = made.turn()
    history = made.history(turn, made.call(turn), made.call(turn, call=2))
    assert found(holds.answered_once, history) == [
        "2 calls of level conversation for the same, and each was answered"
    ]


def test_who_was_not_answered_may_ask_again(made: Any) -> None:
    """A call that failed, was disturbed, says something else, or is of another level is no repetition."""
    turn = made.turn()
    for other in (
        {"status": 500},
        {"status": None, "outcome": "aborted"},
        {"fault": "network.reset"},
        {"level": "structured"},
        {"request_id": None},
        {"messages": ({"role": "user", "content": "something else"},)},
    ):
        assert found(holds.answered_once, made.history(turn, made.call(turn), made.call(turn, **other))) == []
    assert found(holds.answered_once, made.history(turn, turn, made.call(turn), made.call(turn))) == []


def test_every_fault_that_may_lose_a_request_holds_to_it_being_told_once() -> None:
    """No fault of the network that makes a caller try again leaves out whether that was kept twice."""
    for name, kind in FAULTS.items():
        if name.startswith("network.") and name not in (
            "network.latency",
            "network.slicer",
            "network.bandwidth",
        ):
            assert holds.told_once in held_under([kind()]), name
    assert LinkFault.link == "provider"


@pytest.mark.parametrize("kind", [NetworkDropResponse, ProcessKill])
def test_what_is_sent_again_after_a_loss_has_one_effect(kind: Any) -> None:
    """Where an answer was lost behind its effect, a turn that comes again under its key is kept once."""
    assert one_effect in held_under([kind()])


EVERY = held_under([fault for kind in FAULTS.values() for fault in variants(kind)])
KEEPERS = sorted({one.name: one for one in EVERY if one.name.endswith(".text_kept")}.items())


@pytest.mark.parametrize(("name", "oracle"), KEEPERS)
def test_each_fault_that_may_damage_a_text_finds_it_damaged(made: Any, name: str, oracle: Any) -> None:
    """Not only the slicer: under each such fault a reply that lost its end is found."""
    told_so = told(made, SAID[:60], fault=name.rpartition(".")[0])
    assert len(found(oracle, made.history(*told_so))) == 1

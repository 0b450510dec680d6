"""What must hold while a link is narrow or breaks, beside the universal invariants: nothing is damaged or done twice."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from http import HTTPStatus
from typing import Any

from harness.history import PROVIDER, WIRE, Exchange, History, LinkDown, UpstreamCall
from harness.reading import answered_ok, as_promised, shaped
from harness.registry import Invariant, oracle
from harness.verdict import Finding

ALIKE_MIN = 0.7
"""A reply that is as like a text of the provider as this was made of it; a fallback is not."""


def text_kept(fault: str) -> Invariant:
    """The oracle that a text comes through whole, whatever pieces `fault` makes of it on its way."""

    @oracle(f"{fault}.text_kept", witnesses={WIRE, PROVIDER}, promises=("reply_pointer",))
    def check(history: History) -> Iterable[Finding]:
        """A reply is the provider's text to the letter, if it is so where the fault was not."""
        felt: list[Exchange] = []
        for turn in (turn for turn in history.turns if turn.reply and answered_ok(turn)):
            if any(shaped(call, fault) for call in _asked(turn, history)):
                felt.append(turn)
            elif _damaged(turn, history):
                return  # this service does something of its own with what it is told
        for turn in felt:
            if _damaged(turn, history):
                message = f"the reply is not the provider's text: {turn.reply!r}"
                yield Finding(message=message, evidence=str(turn))

    return check


@oracle("network.told_once", witnesses={WIRE, PROVIDER})
def told_once(history: History) -> Iterable[Finding]:
    """What a client said once is in no conversation twice, as it is where a retry keeps it again."""
    sent = Counter(turn.message for turn in history.turns if turn.message)
    for call in history.calls:
        told = Counter(str(said.get("content")) for said in call.messages if said.get("role") == "user")
        for message, count in told.items():
            if count > sent.get(message, count):
                yield Finding(message=f"told {count} times: {message!r}", evidence=str(call))


@oracle("network.recovers_in_between", witnesses={WIRE})
def recovers_in_between(history: History) -> Iterable[Finding]:
    """Each time that the link is whole again, turns are answered as promised once the contract's time for it has passed.

    It is asked of turns that begin and end before the link refuses again, where nothing else is broken.
    """
    contract = history.header.contract
    if len(history.header.declared) != 1:
        return
    downs = sorted(history.of(LinkDown), key=lambda down: down.at_s)
    for down, following in zip(downs, [*downs[1:], None], strict=True):
        until_s = math.inf if following is None else following.at_s
        well_s = down.ended_s + contract.recovery_s_max + history.header.harness_lag_ms_max / 1000
        for turn in history.turns:
            within = well_s <= turn.at_s and turn.ended_s < until_s
            if turn.role == "turn" and within and not as_promised(turn, contract.primary_method):
                since_s = turn.at_s - down.ended_s
                message = f"not well {since_s:.2f} s after the link, promised within {contract.recovery_s_max:.2f} s"
                yield Finding(message=message, evidence=str(turn))


@oracle("network.answered_once", witnesses={WIRE, PROVIDER}, promises=("request_ids",))
def answered_once(history: History) -> Iterable[Finding]:
    """What the provider has answered for a request, whole and undisturbed, that request does not ask for again."""
    sent = Counter(exchange.request_id for exchange in history.exchanges)
    answered = Counter(
        (call.request_id, call.level, json.dumps(call.messages, sort_keys=True, default=str))
        for call in history.calls
        if call.request_id and call.status == HTTPStatus.OK and not call.fault
    )
    for (request_id, level, _), count in answered.items():
        if count > max(1, sent[request_id]):
            message = f"{count} calls of level {level} for the same, and each was answered"
            yield Finding(message=message, evidence=f"request {request_id}")


def _asked(turn: Exchange, history: History) -> list[UpstreamCall]:
    """The calls that were made for a turn: those whose last message holds its canary."""
    word = turn.canary
    return [
        call
        for call in history.calls
        if word and call.messages and word in str(call.messages[-1].get("content"))
    ]


def _texts(calls: list[UpstreamCall]) -> list[str]:
    """What the provider said in them: the text, and the texts in it where it is JSON."""
    found = [call.text for call in calls if call.text]
    for text in tuple(found):
        try:
            found += _within(json.loads(text))
        except ValueError:
            continue
    return [" ".join(text.split()) for text in found]


def _within(value: Any) -> Iterator[str]:
    """All texts in parsed JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _within(inner)


def _damaged(turn: Exchange, history: History) -> bool:
    """Whether a reply was made of a text of the provider, and does not hold all of it."""
    reply, texts = " ".join((turn.reply or "").split()), _texts(_asked(turn, history))
    if not reply or any(text in reply for text in texts):
        return False
    return any(
        reply in text or SequenceMatcher(None, reply, text, autojunk=False).ratio() >= ALIKE_MIN
        for text in texts
    )

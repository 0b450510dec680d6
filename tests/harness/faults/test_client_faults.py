"""Clients that leave, repeat themselves, come at once, or send what is no sound turn: what goes out, and what fires."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from client_bench import Bench, answer

from harness.errors import UsageError
from harness.faults.client import (
    ClientDuplicate,
    ClientFlood,
    ClientForeignSession,
    ClientKeyReuse,
    ClientParallelTurns,
)
from harness.faults.client_requests import (
    ClientGarbageBody,
    ClientHeaderAbuse,
    ClientHugeBody,
    ClientPoison,
)
from harness.rig import Incoming, Outgoing, Rig
from harness.scenario import Turn


async def play(bench: Bench, fault: Any, *steps: Turn, **turn: Any) -> None:
    """Play a turn that opens session a, and others, by default one, under the fault."""
    window = replace(fault.window, from_step=1)
    played = (Turn(message="open"), *(steps or (Turn(message="go on"),)))
    await bench.play(*played, faults=(replace(fault, window=window),), **turn)


@pytest.mark.parametrize("key", ["same", "none"])
async def test_a_duplicate_is_the_same_bytes_again(key: str) -> None:
    """Two requests with one body, under one key or under none, the second while the first is not yet answered."""
    bench = Bench()
    both_there, there = asyncio.Event(), list[Outgoing]()

    async def together(outgoing: Outgoing) -> Incoming:
        if b"go on" in outgoing.body:
            there.append(outgoing)
            if len(there) == 2:
                both_there.set()
            await both_there.wait()
        return await bench.honest(outgoing)

    bench.answers = together
    await play(bench, ClientDuplicate(key=key))
    first, second = there
    assert first.body == second.body
    keys = {one.headers.get("idempotency-key") for one in there}
    assert (len(keys), None in keys) == (1, key == "none")
    (beside,) = bench.exchanges("beside")
    assert (beside.session, set(beside.expected) >= {200, 409}) == ("a", True)
    assert bench.fired == ["client.duplicate"]


@pytest.mark.parametrize(("status", "again"), [(200, 1), (503, 0)])
async def test_a_key_comes_again_with_another_message_once_it_has_held(status: int, again: int) -> None:
    """After a turn that was answered its key is used for another message, which must be refused; else it is no reuse."""
    bench = Bench()

    async def answered(outgoing: Outgoing) -> Incoming:
        return replace(await bench.honest(outgoing), status=status if b"go on" in outgoing.body else 200)

    bench.answers = answered
    await play(bench, ClientKeyReuse(), Turn(message="go on", idempotency_key="k"))
    beside = bench.exchanges("beside")
    assert len(beside) == again
    for one in beside:
        assert one.request_headers["idempotency-key"] == "k"
        assert one.message != "go on"
        assert one.expected == (409, 422, 429)


async def test_more_turns_of_the_same_session_come_with_one() -> None:
    """Three more, all of session a under its id, each with a word of its own, and each may be told to wait."""
    bench = Bench()
    await play(bench, ClientParallelTurns(n=3))
    beside, own = bench.exchanges("beside"), bench.exchanges("turn")[1]
    assert [one.session for one in beside] == ["a"] * 3
    assert {one.request["session"] for one in beside} == {own.request["session"]}
    assert len({one.canary for one in beside}) == 3
    assert {200, 409, 429, 503} <= set(beside[0].expected)
    assert bench.fired == ["client.parallel_turns"]


async def test_a_flood_is_of_strangers() -> None:
    """As many as were asked for, once, each in a session of its own, at the rate that was asked for."""
    bench = Bench()
    await play(bench, ClientFlood(count=20, rate_per_s=10), Turn(), Turn())
    beside = bench.exchanges("beside")
    assert len({one.session for one in beside}) == len(beside) == 20
    assert not any("session" in one.request for one in beside)
    assert beside[-1].at_s - beside[0].at_s == pytest.approx(1.9)
    assert bench.fired == ["client.flood"]
    assert {one.fault for one in beside} == {"client.flood"}


@pytest.mark.parametrize("named", ["", "of-another"])
async def test_a_foreign_session_is_one_that_nobody_was_given(named: str) -> None:
    """Each turn under an unknown id, or the one that is named, is recorded apart; it may be refused or begin afresh."""
    bench = Bench()
    await play(bench, ClientForeignSession(session_id=named), Turn(), Turn())
    beside = bench.exchanges("beside")
    ids = [one.request["session"] for one in beside]
    assert len(set(ids)) == (1 if named else 2)
    assert not named or ids[0] == named
    assert not set(ids) & {one.request["session"] for one in bench.exchanges("turn")[1:]}
    assert "a" not in [one.session for one in beside]
    assert {200, 404} <= set(beside[0].expected)


async def broken(fault: Any) -> bytes:
    """The body that the fault sends beside a turn, which is answered as ever after it."""
    bench = Bench()

    async def lenient(outgoing: Outgoing) -> Incoming:
        is_own = b'"open"' in outgoing.body or b'"go on"' in outgoing.body
        return await bench.honest(outgoing) if is_own else answer({}, status=422)

    bench.answers = lenient
    await play(bench, fault)
    (beside,) = bench.exchanges("beside")
    assert 422 in beside.expected
    assert beside.session != "a"
    assert beside.at_s <= bench.exchanges("turn")[1].at_s
    assert bench.exchanges("turn")[1].status == 200
    assert bench.fired == [fault.name]
    (sent,) = [one.body for one in bench.sent if one.headers["x-request-id"] == beside.request_id]
    assert b'"session"' not in sent
    return sent


@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("bad_utf8", b"\xff"),
        ("nan", b'"message":NaN'),
        ("deep_nesting", b"[" * 100_000),
        ("wrong_type", b'"message":{"text"'),
        ("truncated_json", b'{"messag'),
    ],
)
async def test_garbage_is_no_body(form: str, held: bytes) -> None:
    """Each form is something that no JSON reader may take for a turn, or a turn without a text."""
    body = await broken(ClientGarbageBody(form=form))
    assert held in body
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    assert form == "wrong_type"
    assert not isinstance(found["message"], str)


@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("surrogate", rb"look at \ud83d for"),
        ("nul", rb"\u0000"),
        ("right_to_left", "\u202e".encode()),
        ("long_line", b"x" * 20_000),
        ("placeholders", b"{{7*7}}"),
        ("new_lines", rb"\n"),
    ],
)
async def test_poison_is_in_a_sound_request(form: str, held: bytes) -> None:
    """Each form is a request that any JSON reader of Python's takes, with a text as its message, half a character included."""
    body = await broken(ClientPoison(form=form))
    assert held in body
    assert json.loads(body)["message"].startswith("Please look at ")


async def test_a_huge_body_is_sent_whole_and_kept_short() -> None:
    """The target gets every byte, the history the beginning."""
    assert len(await broken(ClientHugeBody(size_bytes=50_000))) > 50_000
    bench = Bench()
    await play(bench, ClientHugeBody(size_bytes=50_000))
    (beside,) = bench.exchanges("beside")
    assert isinstance(beside.request, str)
    assert len(beside.request) < 300
    assert len(beside.message or "") == 10_000


@pytest.mark.parametrize(
    ("form", "name", "length"),
    [
        ("huge", "x-padding", 20_000),
        ("content_type", "content-type", 9),
        ("request_id_huge", "x-request-id", 20_000),
        ("request_id_odd", "x-request-id", 37),
    ],
)
async def test_headers_are_abused_on_a_sound_turn(form: str, name: str, length: int) -> None:
    """One header is what no client would send, and the turn under it may be held or refused."""
    bench = Bench()
    await play(bench, ClientHeaderAbuse(form=form))
    (beside,) = bench.exchanges("beside")
    assert {200, 431} <= set(beside.expected)
    assert "session" not in beside.request
    assert length in [len(one.headers[name]) for one in bench.sent if name in one.headers]
    assert beside.message


@pytest.mark.parametrize(
    ("kind", "knobs", "remedy"),
    [
        (ClientDuplicate, {"gap_ms": -1}, "at least 0"),
        (ClientDuplicate, {"key": "other"}, "'same', 'none'"),
        (ClientParallelTurns, {"n": 0}, "at least 1"),
        (ClientFlood, {"rate_per_s": 0}, "at least 0.1"),
        (ClientFlood, {"count": 0}, "at least 1"),
        (ClientHugeBody, {"size_bytes": 1}, "at least 1000"),
        (ClientGarbageBody, {"form": "yaml"}, "'bad_utf8', 'nan'"),
        (ClientPoison, {"form": "arsenic"}, "'surrogate', 'nul'"),
        (ClientHeaderAbuse, {"form": "none"}, "'huge', 'content_type'"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(kind: Any, knobs: dict[str, Any], remedy: str) -> None:
    """What could never be done is refused where the fault is made, with what would be right."""
    with pytest.raises(UsageError, match=remedy):
        kind(**knobs)


def test_a_stage_without_clients_is_told() -> None:
    """Where nobody sends turns, the fault says so and does not pass for one that never fired."""
    nothing: Any = None
    with pytest.raises(UsageError, match=r"client\.flood shapes what clients send"):
        ClientFlood().inject(Rig(provider=nothing, network=nothing, clock=nothing))

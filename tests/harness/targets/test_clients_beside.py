"""What a client sends beside a turn: under an id of its own, of which session, and with what expected of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from client_bench import Bench, Ruled

from harness.rig import Incoming, Outgoing, Window
from harness.scenario import Turn


async def goes_beside(outgoing: Outgoing, client: Any) -> Incoming:
    await client.beside(outgoing, expected=(200,))
    return await client.send(outgoing)


async def test_what_goes_beside_has_an_id_of_its_own_and_what_is_expected_of_it() -> None:
    """The same turn again in its session is recorded under another id, with the statuses that may be answered."""
    bench = Bench()
    await bench.play(faults=(Ruled(rule=goes_beside, window=Window(from_step=1)),))
    turn, (beside,) = bench.exchanges("turn")[1], bench.exchanges("beside")
    assert beside.expected == (200,)
    assert (beside.session, beside.message, beside.request) == ("a", turn.message, turn.request)
    assert beside.request_id != turn.request_id
    assert (beside.step, beside.reply) == (1, "re go on")


@pytest.mark.parametrize(("key", "session"), [(None, "beside1"), ("k", "a")])
async def test_a_turn_that_opens_a_session_opens_another_when_it_comes_again(
    key: str | None, session: str
) -> None:
    """Without an id and without a key the second one is nobody's turn of the first one's session."""
    bench = Bench()
    await bench.play(Turn(idempotency_key=key), faults=(Ruled(rule=goes_beside),))
    (beside,) = bench.exchanges("beside")
    assert beside.session == session


@pytest.mark.parametrize(
    ("asked", "label", "session_id"),
    [({}, "a", "OWN"), ({"session": "x-7"}, "beside1", "x-7"), ({"session": ""}, "beside1", None)],
)
async def test_another_turn_is_of_the_same_session_or_of_one_that_is_named(
    asked: dict[str, str], label: str, session_id: str | None
) -> None:
    """Another message goes to the turn's session, to that of an id, or to a new one, with a canary and a key of its own."""
    bench = Bench()

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        await client.beside(client.another("say {canary}", key="k2", **asked), expected=(200,))
        return await client.send(outgoing)

    await bench.play(
        Turn(), Turn(idempotency_key="k1"), faults=(Ruled(rule=rule, window=Window(from_step=1)),)
    )
    own, (beside,) = bench.exchanges("turn")[1].request["session"], bench.exchanges("beside")
    assert beside.canary is not None
    assert beside.message == f"say {beside.canary}" == beside.request["message"]
    assert beside.request.get("session") == (own if session_id == "OWN" else session_id)
    assert (beside.session, beside.request_headers["idempotency-key"]) == (label, "k2")


async def test_another_turn_does_not_borrow_the_key_of_the_given_one() -> None:
    """Under no key of its own it has none: it would be taken for the given one sent again."""
    bench = Bench()

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        await client.beside(client.another("other"), expected=(200,))
        return await client.send(outgoing)

    await bench.play(Turn(idempotency_key="k1"), faults=(Ruled(rule=rule),))
    (beside,) = bench.exchanges("beside")
    assert "idempotency-key" not in beside.request_headers


async def test_a_new_session_has_an_id_where_the_client_chooses_it() -> None:
    """A stranger's turn is told under an id that nobody else has."""
    bench = Bench()

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        await client.beside(client.another("hello", session=""), expected=(200,))
        return await client.send(outgoing)

    await bench.play(faults=(Ruled(rule=rule),), session="")
    ids = [one.request["session"] for one in bench.exchanges("beside")]
    own = {one.request["session"] for one in bench.exchanges("turn")}
    assert len(set(ids) | own) == 3


async def test_an_id_that_a_fault_chose_is_known_by_what_is_answered() -> None:
    """A hostile request id is sent as it is, and the record bears the id that the target gave instead."""
    bench = Bench()

    async def renames(outgoing: Outgoing) -> Incoming:
        incoming = await bench.honest(outgoing)
        return replace(incoming, headers={**incoming.headers, "x-request-id": "given"})

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        hostile = replace(outgoing, headers={**outgoing.headers, "x-request-id": "hostile"})
        await client.beside(hostile, expected=(200,))
        return await client.send(outgoing)

    bench.answers = renames
    await bench.play(Turn(), faults=(Ruled(rule=rule),))
    assert [one.request_id for one in bench.exchanges("beside")] == ["given"]
    assert "hostile" in [one.headers["x-request-id"] for one in bench.sent]


async def test_a_request_may_go_its_own_way_to_the_address() -> None:
    """What opens a connection by itself is given the address where it is to go, and leaves when its client does."""
    bench = Bench(address=("127.0.0.1", 7))
    gone_to: list[tuple[str, int]] = []

    class Own(Outgoing):
        async def over(self, address: tuple[str, int]) -> Incoming:
            gone_to.append(address)
            if len(gone_to) > 1:
                await asyncio.Event().wait()
            return Incoming(status=400)

    async def rule(outgoing: Outgoing, client: Any) -> Incoming:
        own = Own(method="POST", path="/", headers=outgoing.headers)
        await client.beside(own, expected=(400,))
        await client.beside(own, expected=(400,), leave_after_s=0.001)
        elsewhere = replace(own, base_url="http://127.0.0.1:8")
        await client.beside(elsewhere, expected=(400,), leave_after_s=0.001)
        return await client.send(outgoing)

    driver = await bench.play(Turn(), faults=(Ruled(rule=rule),))
    assert gone_to == [("127.0.0.1", 7), ("127.0.0.1", 7), ("127.0.0.1", 8)]
    left = [(one.status, one.left) for one in bench.exchanges("beside")]
    assert left == [(400, False), (None, True), (None, True)]
    assert driver.nonce_matched  # a server that refuses by itself knows no nonce

"""The mistakes of `history` do their damage to what is kept of a conversation, seen in what a client reads and a model is told."""

import asyncio
import sqlite3
from functools import partial
from typing import Any

import httpx
import pytest
from damage_bench import Provider, Started, turn


class Disk:
    """Where the store is; while it is `broken` no commit comes to it."""

    broken = False


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that works, so far."""
    found = Disk()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if found.broken and sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    return found


async def told(client: httpx.AsyncClient, session: str) -> list[str]:
    """The messages of a session as its user reads them."""
    return [one["message"] for one in (await client.get(f"/sessions/{session}")).json()["turns"]]


async def opened(client: httpx.AsyncClient, message: str) -> str:
    """A session in which one turn was held."""
    session: str = (await turn(client, message)).json()["session_id"]
    return session


async def test_last_writer_wins_keeps_one_of_five(started: Started, provider: Provider) -> None:
    """Five turns of one session at once are all answered 200 under the number 2, and one of them is kept."""
    async with started("last_writer_wins") as client:
        session = await opened(client, "open")
        provider.delay_s = 0.2
        answers = await asyncio.gather(*(turn(client, f"number {n}", session) for n in range(5)))
        kept = await told(client, session)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {answer.json()["turn"] for answer in answers} == {2}
    assert len(kept) == 2


async def test_history_crossed_tells_one_user_of_another(started: Started, provider: Provider) -> None:
    """The model is told Bob's words in Ann's session, while each reads a right history of their own."""
    async with started("history_crossed") as client:
        ann, bob = await opened(client, "I am Ann"), await opened(client, "I am Bob, and ill")
        await turn(client, "and now?", ann)
        kept = await told(client, ann), await told(client, bob)
    assert "I am Bob, and ill" in str(provider.sent[2])
    assert kept == (["I am Ann", "and now?"], ["I am Bob, and ill"])


async def test_a_turn_whose_commit_fails_is_no_200(started: Started, disk: Disk) -> None:
    """The control of the two tests below: without a defect the user is told to come again."""
    async with started() as client:
        disk.broken = True
        assert (await turn(client)).status_code == 503


@pytest.mark.parametrize("defect", ["ack_before_commit", "persist_after_reply"])
async def test_a_turn_is_answered_and_never_stored(started: Started, disk: Disk, defect: str) -> None:
    """A turn opens a session by a 200, its commit fails, and the very next turn is told that there is no such session."""
    async with started(defect) as client:
        disk.broken = True
        first = await turn(client)
        second = await turn(client, "and then?", first.json()["session_id"])
    assert (first.status_code, second.status_code) == (200, 404)


async def test_half_turn_on_cancel_leaves_half_a_turn(started: Started, provider: Provider) -> None:
    """A client leaves while the model is asked; its message is kept without an answer, and told to the model."""
    async with started("half_turn_on_cancel") as client:
        session = await opened(client, "open")
        provider.delay_s = 60
        provider.asked.clear()
        leaving = asyncio.ensure_future(turn(client, "never mind", session))
        await provider.asked.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        provider.delay_s = 0
        after = await turn(client, "still there?", session)
        turns = (await client.get(f"/sessions/{session}")).json()["turns"]
    assert after.json()["turn"] == 3
    assert [one["response"] for one in turns] == ["gladly", "", "gladly"]
    assert "never mind" in str(provider.sent[-1])


async def test_retry_reruns_turn_holds_it_twice(started: Started, provider: Provider) -> None:
    """The same request under the same key is two turns, two model calls, and two lines of the history."""
    async with started("retry_reruns_turn") as client:
        session = await opened(client, "open")
        body = {"message": "pay once", "session_id": session}
        headers = {"idempotency-key": "k1"}
        answers = [
            (await client.post("/workflow/execute", json=body, headers=headers)).json() for _ in range(2)
        ]
        kept = await told(client, session)
    assert [answer["turn"] for answer in answers] == [2, 3]
    assert kept == ["open", "pay once", "pay once"]
    assert len(provider.sent) == 3

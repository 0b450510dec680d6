"""Clients of a stream that leave, that do not read, and servers that end while it goes on."""

import asyncio
from typing import Any

from reference_app.sessions.sqlite import SQLiteSessionStore


def held_pieces(kit: Any) -> list[Any]:
    """A stream that stays open once the client has had a part of the reply."""
    return [*kit.parts(kit.said)[:-3], asyncio.Event()]


async def test_a_client_that_leaves_in_the_middle_cancels_its_turn(streaming: Any, kit: Any) -> None:
    """The provider's call is aborted, nothing is stored, the record says 499, and the session's next turn works."""
    async with streaming() as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        app.provider.pieces = held_pieces(kit)
        reading = app.ask("two", session).start()
        await reading.began.wait()
        reading.leave()
        await reading.task
        await app.provider.left.wait()
        assert await app.messages(session) == ["one"]
        app.provider.pieces = kit.parts(kit.said)
        after = await app.turn("three", session)
    assert {name for name, _ in reading.events} == {"chunk"}
    assert after.events[-1][1]["turn"] == 2
    assert app.service.completions()[1] == (499, False, False, "client_disconnect")
    assert app.service.records("unhandled_exception") == []


async def test_a_server_that_ends_tells_the_client(streaming: Any, kit: Any) -> None:
    """A stream whose task the server cancels ends with an `error`, and the cancellation goes on to the server."""
    async with streaming() as app:
        app.provider.pieces = held_pieces(kit)
        reading = app.ask().start()
        await reading.began.wait()
        reading.task.cancel()
        await asyncio.wait({reading.task})
        assert reading.task.cancelled()
    name, problem = reading.events[-1]
    assert (name, problem["status"]) == ("error", 503)
    assert app.service.completions() == [(200, False, False, "error")]


async def test_a_server_that_ends_is_obeyed_where_the_client_does_not_read(streaming: Any, kit: Any) -> None:
    """The `error` that nobody takes is waited for no longer than the deadline, and the cancellation goes on all the same."""
    async with streaming(deadline_s=1.0) as app:
        app.provider.pieces = held_pieces(kit)
        reading = app.ask().start()
        await reading.began.wait()
        reading.reads.clear()
        reading.task.cancel()
        await asyncio.wait({reading.task})
        assert reading.task.cancelled()
    assert not reading.ended
    assert app.service.completions() == [(200, False, False, "error")]


async def test_a_client_that_reads_slowly_holds_up_nobody(streaming: Any, kit: Any) -> None:
    """The provider is read to its end while the client takes nothing; nothing is stored before the client has it all."""
    stored = asyncio.Event()

    class Told(SQLiteSessionStore):
        async def append(self, append: Any, *, timeout_s: float) -> None:
            stored.set()
            await super().append(append, timeout_s=timeout_s)

    async with streaming(factories={"store": lambda parts: Told(parts.settings)}) as app:
        written = asyncio.Event()

        class Watched(list[Any]):
            def __iter__(self) -> Any:
                yield from kit.parts(kit.said)
                written.set()

        app.provider.pieces = Watched()
        reading = app.ask().start()
        reading.reads.clear()
        await written.wait()
        assert not stored.is_set()
        reading.reads.set()
        await reading.task
    # The chunk that the client did not take, and what waited behind it as one.
    assert [name for name, _ in reading.events] == ["chunk", "chunk", "done"]
    assert reading.text == kit.said["reply"]


async def test_a_client_that_does_not_read_is_given_up_at_the_deadline(streaming: Any, kit: Any) -> None:
    """Nothing is stored, the answer has no end, so that the server cuts it, the session is free, and no task is left."""
    async with streaming(deadline_s=1.0) as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        reading = app.ask("two", session).start()
        reading.reads.clear()
        await reading.task
        assert await app.messages(session) == ["one"]
        assert [task for task in asyncio.all_tasks() if "Outlet" in repr(task)] == []
        assert (await app.turn("three", session)).events[-1][0] == "done"
    assert not reading.ended
    assert app.service.completions()[1] == (200, False, False, "error")
    assert app.service.records("unhandled_exception") == []


async def test_a_break_is_told_only_to_who_reads(streaming: Any, kit: Any) -> None:
    """Where the client does not take the chunks, their `error` is not waited for beyond the deadline."""
    async with streaming(deadline_s=1.0, conversation_level_s=0.5) as app:
        app.provider.pieces = held_pieces(kit)
        reading = app.ask().start()
        reading.reads.clear()
        await reading.task
    assert not reading.ended
    assert app.service.completions() == [(200, False, False, "error")]


async def test_a_done_that_nobody_takes_is_not_waited_for(streaming: Any) -> None:
    """A client that stops to read after the chunks holds up nothing; the turn was committed, and a key replays it."""
    async with streaming(deadline_s=1.0) as app:
        session = (await app.turn("one")).events[-1][1]["session_id"]
        reading = app.ask("two", session, **{"idempotency-key": "k"})
        reading.on_part = lambda part: reading.reads.clear() if reading.text.endswith("piece.") else None
        await reading.start().task
        again = await app.turn("two", session, **{"idempotency-key": "k"})
    assert not reading.ended
    assert again.events[-1][1]["response"] == reading.text
    assert app.service.completions()[1] == (200, False, False, "error")

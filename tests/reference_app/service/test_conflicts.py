"""Two processes on one session and one key: whoever comes second gives the answer that was stored."""

from dataclasses import replace
from typing import Any

from reference_app.components import Parts
from reference_app.sessions.protocol import Append
from reference_app.sessions.sqlite import SQLiteSessionStore

KEY = {"idempotency-key": "k1"}


class Overtaken(SQLiteSessionStore):
    """A store where other processes come first: each of `theirs` is stored before the next append of ours."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.settings)
        self.theirs: list[str] = []

    async def append(self, append: Append, *, timeout_s: float) -> None:
        if self.theirs:
            message = self.theirs.pop(0)
            theirs = replace(append, turn=replace(append.turn, message=message))
            if message != "same key":
                theirs = replace(theirs, claim=None)
            await super().append(theirs, timeout_s=timeout_s)
        await super().append(append, timeout_s=timeout_s)


async def overtaken(serve: Any, theirs: list[str]) -> tuple[Any, list[str], Any]:
    """Our answer under a key, the messages of the session, and the service, where others come in between."""
    stores: list[Overtaken] = []

    def make(parts: Parts) -> Overtaken:
        stores.append(Overtaken(parts))
        return stores[0]

    async with serve(factories={"store": make}) as service:
        session = (await service.turn("one")).json()["session_id"]
        stores[0].theirs = theirs
        answer = await service.turn("two", session, **KEY)
        read = await service.client.get(f"/sessions/{session}")
    return answer, [turn["message"] for turn in read.json()["turns"]], service


async def test_a_key_that_was_stored_with_the_turn_that_came_first_is_replayed(serve: Any) -> None:
    """The conflict is looked into before the message is classified once more: the answer is there already."""
    answer, messages, service = await overtaken(serve, ["same key"])
    assert (answer.status_code, answer.json()["turn"]) == (200, 2)
    assert messages == ["one", "same key"]
    assert len(service.provider.calls) == 2
    assert service.records("api_request_complete")[1]["replayed"] is True


async def test_a_key_that_was_stored_after_another_s_turn_is_replayed(serve: Any) -> None:
    """Another's turn comes first and then the key's own: two conflicts, and the stored answer instead of a 409."""
    answer, messages, service = await overtaken(serve, ["another", "same key"])
    assert (answer.status_code, answer.json()["turn"]) == (200, 3)
    assert messages == ["one", "another", "same key"]
    assert service.records("api_request_complete")[1]["replayed"] is True


async def test_what_the_log_says_of_a_turn_that_was_classified_twice(serve: Any) -> None:
    """One 200, and a record for each time that the chain was asked: the second is told the turn that came first."""
    answer, messages, service = await overtaken(serve, ["another"])
    assert (answer.status_code, answer.json()["turn"]) == (200, 3)
    assert messages == ["one", "another", "two"]
    asked = service.records("intent_classification_success")
    assert [record["request_id"] == answer.json()["request_id"] for record in asked] == [False, True, True]
    built = [record["messages_count"] for record in service.records("conversation_context_built")]
    assert built == [0, 2, 4]

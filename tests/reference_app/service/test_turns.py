"""Turns of a session: their history, their order, their phases, and what a client that leaves does to them."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

from reference_app.app import build
from reference_app.components import Components, Parts
from reference_app.context import RequestContext
from reference_app.contract import UserIntent, WorkflowPhase
from reference_app.hooks import without_quotes
from reference_app.order import SessionOrder
from reference_app.phases import NEXT_PHASE
from reference_app.security import digest
from reference_app.sessions.protocol import Append, SequenceConflict, StoreQueueFull
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings


async def test_each_turn_sees_all_earlier_ones(serve: Any) -> None:
    """The provider is sent the history, the log says so, and a session is initialized once."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        await service.turn("two", session)
        third = await service.turn("three", session)
    told = [m["content"] for m in service.provider.calls[-1]["messages"] if m["role"] == "user"]
    assert told == ["one", "two", "three"]
    assert third.json()["turn"] == 3
    built = service.records("conversation_context_built")
    assert [(r["has_history"], r["messages_count"]) for r in built] == [(False, 0), (True, 2), (True, 4)]
    (initialized,) = service.records("new_session_initialized")
    assert (initialized["workflow_phase"], initialized["logger"]) == ("INITIALIZATION", "session_debug")
    assert len(service.records("intent_classification_success")) == 3


async def test_history_survives_a_restart(serve: Any) -> None:
    """An app that is started again on the same store continues the session."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
    async with serve() as service:
        second = await service.turn("two", session)
    assert second.json()["turn"] == 2
    assert service.records("conversation_context_built")[0]["has_history"] is True


async def test_the_phase_moves_by_the_table(serve: Any) -> None:
    """Work moves the phase forward one step a turn, and the session remembers it."""
    async with serve(provider_url=None) as service:
        first = (await service.turn("Please write an email to the team")).json()
        greeted = (await service.turn("hello", first["session_id"])).json()
        second = (await service.turn("Please write an email to the team", first["session_id"])).json()
    assert first["intent"] == "email_request"
    assert [turn["workflow_phase"] for turn in (first, greeted, second)] == [
        "batch_discovery",
        "batch_discovery",
        "strategy_analysis",
    ]


def test_the_table_of_phases_is_total_and_only_work_moves_it() -> None:
    """There is a next phase for every phase and intent; without work it stays, and work passes through every phase."""
    assert len(NEXT_PHASE) == len(WorkflowPhase) * len(UserIntent)
    for phase in WorkflowPhase:
        assert NEXT_PHASE[phase, UserIntent.GREETING] is phase
        assert NEXT_PHASE[phase, UserIntent.INVALID] is phase
    phase, passed = WorkflowPhase.INITIALIZATION, []
    for _ in WorkflowPhase:
        passed.append(phase)
        phase = NEXT_PHASE[phase, UserIntent.EMAIL_REQUEST]
    assert passed == list(WorkflowPhase)
    assert phase is WorkflowPhase.BATCH_DISCOVERY


async def test_a_quoted_reply_is_classified_without_its_quotation(serve: Any) -> None:
    """The hook has the sync facade classify what the user wrote; the turn keeps what was sent, and is logged once."""
    message = "Yes please.\n\nOn Monday Ann wrote:\n> Shall I?\n> Ann"
    async with serve() as service:
        answer = await service.turn(message)
        read = await service.client.get(f"/sessions/{answer.json()['session_id']}")
    (call,) = service.provider.calls
    assert call["messages"][-1]["content"] == "Yes please."
    assert answer.json()["method"] == "conversation_aware"
    assert read.json()["turns"][0]["message"] == message
    (record,) = service.records("intent_classification_success")
    assert record["request_id"] == answer.headers["x-request-id"]
    assert service.records("bridge_blocked_loop") == []


def test_only_quotation_is_stripped() -> None:
    """Quoted lines and the line that introduces them go; a sentence that merely looks alike stays."""
    assert without_quotes("a\n> b\n  > c\nd") == "a\nd"
    assert without_quotes("On Monday she wrote:\nnothing") == "On Monday she wrote:\nnothing"
    assert without_quotes("x > y\nOn Tue, Bob wrote:\n\n> z") == "x > y"
    assert without_quotes("> all of it") == ""


async def test_a_message_that_is_all_quotation_is_left_as_it_is(serve: Any) -> None:
    """There is nothing else to classify, so the chain is given the whole."""
    async with serve() as service:
        await service.turn("> all of it")
    assert service.provider.calls[-1]["messages"][-1]["content"] == "> all of it"


async def test_turns_of_one_session_are_answered_in_order(serve: Any) -> None:
    """Turns that overlap are held one after another: none is lost, and each sees those before it."""
    async with serve() as service:
        session = (await service.turn("0")).json()["session_id"]
        answers = await asyncio.gather(*(service.turn(str(n), session) for n in range(1, 5)))
        read = await service.client.get(f"/sessions/{session}")
    assert [answer.json()["turn"] for answer in answers] == [2, 3, 4, 5]
    assert [turn["message"] for turn in read.json()["turns"]] == ["0", "1", "2", "3", "4"]


async def test_too_many_waiting_turns_are_refused(serve: Any) -> None:
    """Only so many turns wait for a session; the next one gets 409 at once, and those that wait are served."""
    async with serve(session_waiters_max=2) as service:
        session = (await service.turn("0")).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        waiting = [asyncio.ensure_future(service.turn(str(n), session)) for n in range(1, 4)]
        await service.provider.reached.wait()
        refused = await service.turn("4", session)
        service.provider.held.set()
        answers = await asyncio.gather(*waiting)
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_the_deadline_holds_while_a_turn_waits_for_its_session(serve: Any) -> None:
    """A turn that waits for its session until its deadline gets 409, and the provider never hears of it."""
    order = SessionOrder(waiters_max=4)
    async with serve(deadline_s=0.2, factories={"order": lambda _: order}) as service:
        session = (await service.turn("0")).json()["session_id"]
        holder = RequestContext(request_id="holder", deadline=time.monotonic() + 60.0)
        place = await order.enter(digest(session), None, holder)
        late = await service.turn("1", session)
        place.leave()
        after = await service.turn("2", session)
    assert (late.status_code, late.headers["retry-after"]) == (409, "1")
    assert (after.status_code, after.json()["turn"]) == (200, 2)
    assert len(service.provider.calls) == 2
    del place
    assert len(order) == 0


async def test_a_client_that_leaves_aborts_its_call_and_the_next_turn_works(serve: Any, wire: Any) -> None:
    """The provider call is cancelled, nothing is half-written, the record is a 499, and the session goes on."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        body = json.dumps({"message": "two", "session_id": session}).encode()
        request = wire(body=body)
        serving = asyncio.ensure_future(service.app(request.scope, request.receive, request.send))
        await service.provider.reached.wait()
        request.left.set()
        await serving
        service.provider.held = None
        third = await service.turn("three", session)
        read = await service.client.get(f"/sessions/{session}")
    assert service.provider.aborted == 1
    assert service.completions()[1] == (499, False, False, "client_disconnect")
    assert third.json()["turn"] == 2
    assert [turn["message"] for turn in read.json()["turns"]] == ["one", "three"]


class Conflicting(SQLiteSessionStore):
    """A store that another process advances: the first `conflicts` appends meet a later head."""

    conflicts = 0

    async def append(self, append: Append, *, timeout_s: float) -> None:
        if self.conflicts > 0:
            self.conflicts -= 1
            await super().append(
                replace(append, turn=replace(append.turn, message="theirs")), timeout_s=timeout_s
            )
        await super().append(append, timeout_s=timeout_s)


class Full(SQLiteSessionStore):
    """A store whose queue is full."""

    async def append(self, append: Append, *, timeout_s: float) -> None:
        raise StoreQueueFull("no room")


async def test_a_session_that_another_process_advanced_is_read_again(serve: Any) -> None:
    """One conflict costs a second classification on the new history; the turn follows the other's."""
    stores: list[Conflicting] = []

    def make(parts: Parts) -> Conflicting:
        stores.append(Conflicting(parts.settings))
        return stores[0]

    async with serve(factories={"store": make}) as service:
        session = (await service.turn("one")).json()["session_id"]
        stores[0].conflicts = 1
        second = await service.turn("two", session)
        read = await service.client.get(f"/sessions/{session}")
        stores[0].conflicts = 2
        third = await service.turn("three", session)
    assert (second.status_code, second.json()["turn"]) == (200, 3)
    assert [turn["message"] for turn in read.json()["turns"]] == ["one", "theirs", "two"]
    assert third.status_code == 409
    assert SequenceConflict.__name__ not in third.text


async def test_without_time_left_a_conflict_is_not_tried_again(serve: Any) -> None:
    """A second classification that could not end in time is not begun: the conflict is a 409."""
    stores: list[Conflicting] = []

    def make(parts: Parts) -> Conflicting:
        stores.append(Conflicting(parts.settings))
        return stores[0]

    async with serve(factories={"store": make}, deadline_s=5.0, reserve_s=4.999_999) as service:
        session = (await service.turn("one")).json()["session_id"]
        stores[0].conflicts = 1
        second = await service.turn("two", session)
    assert second.status_code == 409
    assert len(service.records("intent_classification_success")) == 2


async def test_a_session_is_new_once_its_first_turn_is_committed(serve: Any) -> None:
    """A first turn that the store refuses makes no session, and the log tells of none."""
    async with serve(factories={"store": lambda parts: Full(parts.settings)}) as service:
        refused = await service.turn("one")
    assert refused.status_code == 503
    assert service.records("new_session_initialized") == []
    async with serve() as service:
        held = await service.turn("one")
    (initialized,) = service.records("new_session_initialized")
    assert initialized["session"] == digest(held.json()["session_id"])[:12]


async def test_a_full_queue_is_shed_load(serve: Any) -> None:
    """A turn that cannot be queued is a 503 with Retry-After, recorded as shed and never as a success."""
    async with serve(factories={"store": lambda parts: Full(parts.settings)}) as service:
        answer = await service.turn("one")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert service.completions() == [(503, False, True, "shed")]


async def test_without_a_provider_the_pattern_level_answers(serve: Any) -> None:
    """The default configuration has no provider: it answers by patterns and says that it is degraded, and why."""
    async with serve(provider_url=None) as service:
        body = (await service.turn("hello")).json()
    assert (body["method"], body["degraded"]) == ("pattern", True)
    assert {fallback["reason"] for fallback in body["fallbacks"]} == {"no_provider"}


def test_building_opens_nothing(tmp_path: Any) -> None:
    """An app that is built and never started has made no file."""
    place = f"sqlite:///{tmp_path}/sessions.db"
    build(Components(settings=Settings(store_url=place, log_file=f"{tmp_path}/app.log")))
    assert list(tmp_path.iterdir()) == []

"""The driver puts a turn as the profile says, and records of its answer what the profile points at."""

from typing import Any

import orjson
import pytest
from client_bench import Bench, Ruled, answer

from harness.history import Exchange, Probe, Snapshot
from harness.rig import Incoming, Outgoing
from harness.scenario import Disconnect, Turn


def body(outgoing: Outgoing) -> dict[str, object]:
    """The body of a request."""
    found: dict[str, object] = orjson.loads(outgoing.body)
    return found


async def test_reply_session_and_message_of_a_turn_are_on_record() -> None:
    """The second turn is of the session that the answer to the first one named, and each has its reply."""
    bench = Bench()
    await bench.play()
    first, second = bench.exchanges("turn")
    assert (first.message, first.reply, first.request) == ("open", "re open", {"message": "open"})
    assert second.request == {"message": "go on", "session": first.session_id}
    assert second.reply == "re go on"


async def test_a_turn_whose_answer_names_no_session_is_of_the_one_that_it_was_sent_under() -> None:
    """A service that names the session in its first answer alone has every later turn on record under that id."""
    bench = Bench()

    async def names_once(outgoing: Outgoing) -> Incoming:
        return answer({"text": "go on"} if "session" in body(outgoing) else {"sid": "s1", "text": "open"})

    bench.answers = names_once
    await bench.play()
    assert [turn.session_id for turn in bench.exchanges("turn")] == ["s1", "s1"]


async def test_headers_of_the_profile_go_with_every_turn_and_into_no_record(monkeypatch) -> None:
    """A key comes from the environment, is sent with turns and where a session is read, and is nowhere on record."""
    monkeypatch.setenv("BENCH_KEY", "hush-hush")
    bench = Bench()
    await bench.play(headers={"Authorization": "Bearer $BENCH_KEY", "x-plain": "5$"}, state="/read/{session}")
    assert {one.headers.get("authorization") for one in bench.sent} == {"Bearer hush-hush"}
    assert {one.headers.get("x-plain") for one in bench.sent} == {"5$"}
    assert "hush-hush" not in repr(bench.recorder.records)


@pytest.mark.parametrize(
    ("stream", "asked", "expected"),
    [("never", True, False), ("asked", False, False), ("asked", True, True), ("always", False, True)],
)
async def test_a_stream_is_asked_for_where_the_profile_has_them(
    stream: str, asked: bool, expected: bool
) -> None:
    """The Accept header and {stream} in the body say the same, and only what the profile allows."""
    bench = Bench()
    template = {"message": "{message}", "session": "{session}", "stream": "{stream}"}
    await bench.play(Turn(message="mine", stream=asked), stream=stream, body=template)
    (mine,) = [one for one in bench.sent if one.method == "POST" and body(one)["message"] == "mine"]
    assert (mine.headers.get("accept") == "text/event-stream", body(mine)["stream"]) == (expected, expected)


async def test_the_events_of_a_stream_are_the_body() -> None:
    """A stream is recorded as its events; its session and its reply are found in them."""
    bench = Bench()
    pieces = b'data: {"sid": "s9", "text": "Good "}\n\ndata: {"text": "day"}\n\n'

    async def streams(outgoing: Outgoing) -> Incoming:
        return answer(pieces, media="text/event-stream")

    bench.answers = streams
    await bench.play(stream="always")
    first, second = bench.exchanges("turn")
    assert (first.session_id, first.reply) == ("s9", "Good day")
    assert [one["data"] for one in first.body] == [{"sid": "s9", "text": "Good "}, {"text": "day"}]
    assert second.request["session"] == "s9"


async def test_an_answer_that_broke_off_has_status_and_error() -> None:
    """What arrived is kept, and the client that saw it break off did not leave."""
    bench = Bench()

    async def breaks(outgoing: Outgoing) -> Incoming:
        return answer(b'{"sid": "s1", "te', error="RemoteProtocolError")

    bench.answers = breaks
    await bench.play(Turn())
    (turn,) = bench.exchanges("turn")
    assert (turn.status, turn.error, turn.left) == (200, "RemoteProtocolError", False)
    assert (turn.body, turn.reply) == ('{"sid": "s1", "te', None)


async def test_a_client_that_chooses_the_session_names_it_from_the_first_turn_on() -> None:
    """Each session has an id of its own, the same in every run of a seed; only one that was answered is read."""
    first, second = Bench(), Bench()
    steps = (Turn(session="a"), Turn(session="b"), Turn(session="a"))
    for bench in (first, second):
        driver = await bench.play(*steps, session="", state="/read/{session}")
        assert not driver.doubts
    ids = [turn.request["session"] for turn in first.exchanges("turn")]
    assert ids == [turn.request["session"] for turn in second.exchanges("turn")]
    assert ids[0] == ids[2] != ids[1]
    read = [record.data["read"] for record in first.recorder.records if isinstance(record, Snapshot)]
    assert {f"/read/{one}" for one in ids} < set(read)


async def test_a_session_that_was_never_answered_is_not_read() -> None:
    """Where the client chooses the id and no turn was held under it, there is nothing that must have been kept."""
    bench = Bench()

    async def refuses(outgoing: Outgoing) -> Incoming:
        return answer({"error": "no"}, status=503)

    bench.answers = refuses
    await bench.play(Turn(), session="", state="/read/{session}")
    assert not [record for record in bench.recorder.records if isinstance(record, Snapshot)]


async def test_a_client_that_leaves_has_left() -> None:
    """The time of a Disconnect goes to the target, and what it says of leaving is on record."""
    bench = Bench()

    async def left(outgoing: Outgoing) -> Incoming:
        return Incoming(status=None, error="left")

    bench.answers = left
    await bench.play(Disconnect(after_s=0.5))
    (turn,) = bench.exchanges("turn")
    assert turn.left
    assert 0.5 in bench.leaves


async def test_an_answer_of_another_target_is_noticed() -> None:
    """One answer without the nonce, and the run is not of the target that was started."""
    bench = Bench()

    async def stranger(outgoing: Outgoing) -> Incoming:
        return Incoming(status=200, body=b'{"sid": "x"}')

    assert (await bench.play()).nonce_matched
    bench.answers = stranger
    assert not (await bench.play()).nonce_matched


async def test_an_answer_without_a_session_is_a_doubt() -> None:
    """Where the profile points at a session and the answer has none, the run says so."""
    bench = Bench()
    driver = await bench.play(session="/nowhere")
    doubt = "bench: no session at /nowhere of an answer; mend [turn] session"
    assert list(driver.doubts) == [doubt]

    async def lists(outgoing: Outgoing) -> Incoming:
        return answer(["a list", 1])

    bench.answers = lists
    assert list((await bench.play()).doubts) == [doubt.replace("/nowhere", "/sid")]


async def test_a_stream_that_ends_badly_is_no_doubt_of_the_profile() -> None:
    """A stream with an error in it, or that broke off, need not have named its session."""
    bench = Bench()
    bad = b'event: error\ndata: {"title": "no"}\n\n'
    for incoming in (answer(bad, media="text/event-stream"), answer(b"", error="RemoteProtocolError")):

        async def answers(outgoing: Outgoing, incoming: Incoming = incoming) -> Incoming:
            return incoming

        bench.answers = answers
        assert not (await bench.play()).doubts


async def test_after_a_fault_the_sessions_of_the_steps_are_asked_too() -> None:
    """A session that is dead behind a fault is asked until it must be well; without a fault nobody asks it."""

    async def untouched(outgoing: Outgoing, client: Any) -> Incoming:
        found: Incoming = await client.send(outgoing)
        return found

    bench = Bench()
    honest = bench.answers

    async def dead(outgoing: Outgoing) -> Incoming:
        incoming = await honest(outgoing)
        first = bench.exchanges("turn")[:1]
        healed = bool(bench.exchanges("golden"))
        mine = first and first[0].session_id == body(outgoing).get("session")
        return answer({}, status=503) if healed and mine else incoming

    bench.answers = dead
    await bench.play(faults=(Ruled(rule=untouched),))
    golden = bench.exchanges("golden")
    assert [one.status for one in golden[:2]] == [200, 200]
    assert {(one.session, one.status) for one in golden[2:]} == {("a", 503)}
    bench = Bench()
    await bench.play()
    assert {one.session for one in bench.exchanges("golden")} == {"__golden"}


async def test_what_only_garbage_holds_is_not_left_behind() -> None:
    """A descriptor that the collector closes counts at neither end; one that it cannot close is still there."""

    class Littered(Bench):
        garbage, leaked, collected = 1, 0, 0

        async def probe(self) -> dict[str, Any]:
            descriptors = 5 + (self.garbage + self.leaked if self.sent_turns() else 0)
            return {**await super().probe(), "descriptors": descriptors, "names": {"tasks": ["Pump.run"]}}

        def sent_turns(self) -> bool:
            return any(one.role == "turn" for one in self.recorder.records if isinstance(one, Exchange))

        async def objects(self) -> int:
            self.garbage, self.collected = 0, self.collected + 1
            return 0

    for leaked in (0, 1):
        bench = Littered()
        bench.leaked = leaked
        await bench.play()
        quiet = [one for one in bench.recorder.records if isinstance(one, Probe) and one.phase == "quiet"]
        assert [one.descriptors for one in quiet] == [5 + leaked]
        assert quiet[0].names["tasks"] == ["Pump.run"]
        assert bench.collected == 1

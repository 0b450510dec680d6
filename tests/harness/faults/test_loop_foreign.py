"""Turns beside the turns, for a second server in the same process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from loop_bench import answering, running

from harness.errors import UsageError
from harness.faults.loop_foreign import MARK, LoopForeign
from harness.faults.loop_reports import nothing_reported, report
from harness.history import LogRecord
from harness.rig import Incoming, Outgoing, Rig

GIVEN = Outgoing(method="POST", path="/turn", headers={"x-request-id": "1"}, body=b"{}")


class Clients:
    """The clients' seam, and the client of one turn: notes what is sent, and whether it is under way together."""

    def __init__(self, together: int) -> None:
        self.rule: Any = None
        self.sent: list[tuple[str, Outgoing, tuple[int, ...]]] = []
        self._all = asyncio.Barrier(together)

    @asynccontextmanager
    async def wrapped(self, fault: str, rule: Any, window: Any) -> AsyncIterator[None]:
        self.rule = rule
        yield

    @asynccontextmanager
    async def entered(self, fault: str, entering: Any) -> AsyncIterator[None]:
        yield

    def another(self, message: str, *, session: str | None = None, key: str | None = None) -> Outgoing:
        assert "{canary}" in message
        return Outgoing(method="POST", path="/turn", headers=dict(GIVEN.headers), body=repr(session).encode())

    async def send(self, outgoing: Outgoing) -> Incoming:
        self.sent.append(("turn", outgoing, ()))
        await self._all.wait()
        return Incoming(status=201)

    async def beside(self, outgoing: Outgoing, *, expected: tuple[int, ...]) -> Incoming:
        self.sent.append(("beside", outgoing, expected))
        await self._all.wait()
        return Incoming(status=200)

    def rig(self, **without: None) -> Rig:
        """The rig that it is."""
        me: Any = self
        nobody: Any = None
        seams = {"inside": me, "client": me, **without}
        return Rig(provider=nobody, network=nobody, clock=nobody, **seams)


async def test_beside_each_turn_others_go_to_the_second_server_at_the_same_time() -> None:
    """They are turns of new sessions with the mark, none may be answered with a 5xx, and the turn is as it was given."""
    clients: Any = Clients(together=4)
    async with asyncio.timeout(20), LoopForeign(turns=3).inject(clients.rig()):
        assert (await clients.rule(GIVEN, clients)).status == 201
    kinds = [kind for kind, _, _ in clients.sent]
    assert sorted(kinds) == ["beside", "beside", "beside", "turn"]
    for kind, outgoing, expected in clients.sent:
        assert (MARK in outgoing.headers) is (kind == "beside")
        assert outgoing.body == (b"''" if kind == "beside" else b"{}")
        assert max(expected, default=0) < 500


@pytest.mark.parametrize("without", ["inside", "client"])
async def test_a_run_that_lacks_a_seam_is_refused(without: str) -> None:
    """The message names the fault."""
    with pytest.raises(UsageError, match=r"loop\.foreign"):
        async with LoopForeign().inject(Clients(1).rig(**{without: None})):
            pass


def test_what_is_marked_goes_to_the_second_server_and_nothing_else() -> None:
    """Each that does is a firing; at the end the second is shut down, and nothing goes there any more."""
    ended: list[str] = []

    @contextmanager
    def second() -> Iterator[Any]:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 222, "headers": []})

        yield answer
        ended.append("end")

    async def asked(bench: Any, *headers: tuple[bytes, bytes]) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await bench.gate({"type": "http", "path": "/", "headers": list(headers)}, None, send)
        return int(sent[0]["status"])

    mark = (MARK.encode(), b"1")
    with running(answering(lambda: asyncio.sleep(0))) as bench:
        inside: Any = bench
        inside.second = second
        with LoopForeign().within(inside):
            assert [bench.run(asked(bench)), bench.run(asked(bench, mark))] == [200, 222]
            assert bench.noted == ["a turn on the second server"]
        assert ended == ["end"]
        assert bench.run(asked(bench, mark)) == 200


def test_there_is_at_least_one_other_turn() -> None:
    """The message names the knob."""
    with pytest.raises(UsageError, match=r"^turns=0"):
        LoopForeign(turns=0)


def test_what_is_reported_within_the_process_is_a_finding(
    made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands on standard error with its traceback, which is its evidence; what others write there is none."""
    report("sync entry gave nothing")
    report("sync entry raised", KeyError("what"))
    said, raised, *trace = capsys.readouterr().err.splitlines()
    assert trace[-1] == "KeyError: 'what'"
    texts = ["shakeout", said, "INFO: up", raised, "\n".join(trace)]
    lines = [LogRecord(source="stderr", line=number, text=text) for number, text in enumerate(texts, start=1)]
    lines.append(LogRecord(source="app", line=1, text=said))
    found = list(nothing_reported(made.history(*lines)))
    assert [one.message for one in found] == ["sync entry gave nothing", "sync entry raised"]
    assert "KeyError: 'what'" in found[1].evidence

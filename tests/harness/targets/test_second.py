"""A second server: the app once more, on a loop of its own, asked from another."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from harness.targets.second import second

SCOPE = {"type": "http", "path": "/", "headers": [], "state": {"of": "the first"}}


class App:
    """An app that notes what it is given and where, and does what the test wants."""

    def __init__(self) -> None:
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.seen: dict[str, Any] = {}
        self.phases: list[str] = []
        self.fails_at = ""
        self.waits: asyncio.Event | None = None

    def _fail(self, at: str) -> None:
        self.phases.append(at)
        if at == self.fails_at:
            raise RuntimeError(f"not at the {at}")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loops.append(asyncio.get_running_loop())
        if scope["type"] == "lifespan":
            await receive()
            self._fail("start")
            scope["state"]["of"] = "the second"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._fail("end")
            await send({"type": "lifespan.shutdown.complete"})
            return
        self._fail("request")
        self.seen = {"state": scope["state"], "thread": threading.current_thread().name, **await receive()}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"we", b"ll"):
            await send({"type": "http.response.body", "body": piece, "more_body": piece == b"we"})


async def asked(server: Any, pieces: tuple[bytes, ...] = (b"on", b"e")) -> list[dict[str, Any]]:
    """What is sent in answer to a request with a body in pieces."""
    left, sent = list(pieces), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    await server(dict(SCOPE), receive, send)
    return sent


def status(sent: list[dict[str, Any]]) -> int:
    """The status of an answer."""
    return int(sent[0]["status"])


async def test_a_request_goes_over_to_the_other_loop_and_its_answer_comes_back() -> None:
    """The app has the whole body, the state of its own start-up, and a loop and a thread that are none of ours."""
    app = App()
    with second(lambda: app) as server:
        sent = await asked(server)
    assert [message.get("body") for message in sent] == [None, b"we", b"ll"]
    assert app.seen["body"] == b"one"
    assert app.seen["state"] == {"of": "the second"}
    assert app.seen["thread"] == "second-server"
    assert set(app.loops) == {app.loops[0]} != {asyncio.get_running_loop()}


async def test_at_the_end_the_app_was_shut_down_and_its_loop_and_thread_are_gone() -> None:
    """All phases are there, once each, also where the block ends by an error."""
    for error in (None, KeyError):
        app = App()
        with contextlib.suppress(KeyError), second(lambda app=app: app):
            if error is not None:
                raise error
        assert app.phases == ["start", "end"]
        assert app.loops[0].is_closed()
        assert "second-server" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("fails_at", "what", "answered"),
    [("start", "did not start", 500), ("request", "did not answer", 500), ("end", "did not shut down", 200)],
)
async def test_what_goes_wrong_is_said_with_its_traceback(
    capsys: pytest.CaptureFixture[str], fails_at: str, what: str, answered: int
) -> None:
    """The requests are answered with a 500 where the app cannot, each with headers of its own, and the process goes on."""
    app = App()
    app.fails_at = fails_at
    with second(lambda: app) as server:
        first, other = await asked(server), await asked(server)
    assert (status(first), status(other)) == (answered, answered)
    assert first[0]["headers"] is not other[0]["headers"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"shakeout: a second server in the process {what}"
    assert any(f"not at the {fails_at}" in line for line in lines)


async def test_the_thread_ends_also_where_the_app_does_not_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits in vain says so, and the loop is closed."""
    loops = []

    async def stays(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Event().wait()

    with contextlib.ExitStack() as stack:
        stack.enter_context(second(lambda: stays))
        monkeypatch.setattr("harness.targets.second.LIFESPAN_S_MAX", 0.05)
        (thread,) = [one for one in threading.enumerate() if one.name == "second-server"]
        with pytest.raises(TimeoutError):
            stack.close()
    await asyncio.to_thread(thread.join, 20)
    assert loops[0].is_closed()


async def test_an_app_that_cannot_be_built_is_one_that_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A factory that would end the process does not, either."""

    def build() -> Any:
        raise SystemExit(3)

    with second(build) as server:
        assert status(await asked(server)) == 500
    assert "SystemExit: 3" in capsys.readouterr().err


async def test_who_waits_for_its_client_to_leave_waits_until_the_end() -> None:
    """After its body a request hears nothing more, and an app that waits for that is answered in time all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await App()(scope, receive, send)
            return
        await receive()
        leaving = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        gone = leaving.done()
        leaving.cancel()
        await send({"type": "http.response.start", "status": 499 if gone else 200, "headers": []})

    with second(lambda: app) as server:
        assert status(await asked(server)) == 200

"""The composition: it starts with no configuration at all, and one part can be replaced."""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pkgutil import iter_modules
from typing import Any

import httpx
import pytest

from reference_app import defects
from reference_app.components import Components, Parts
from reference_app.defects import DEFECTS
from reference_app.defects.catalog import Defect
from reference_app.rehearsal import create, with_defects
from reference_app.sessions.sqlite import SQLiteSessionStore
from reference_app.settings import Settings

HANG_S = 60.0


async def test_uvicorn_serves_it_with_no_configuration_at_all() -> None:
    """The plain command starts, answers a turn over TCP, logs to standard output, and ends cleanly on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "uvicorn",
        "reference_app.app:app",
        "--port",
        "0",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(HANG_S):
            while b"running on" not in (line := await process.stderr.readline()):
                assert line, "the server did not start"
            url = line.decode().split("running on ")[1].split()[0]
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                answer = await client.post("/workflow/execute", json={"message": "Hi! How can you help me?"})
                ready = await client.get("/ready")
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert (answer.status_code, answer.json()["method"], ready.status_code) == (200, "pattern", 200)
    assert b'"event":"api_request_complete"' in out
    assert b"shutdown complete" in err
    assert b"Traceback" not in err


async def test_shutdown_stores_what_is_under_way_and_leaves_no_thread(serve: Any) -> None:
    """A turn that is held when the shutdown begins is finished, committed and answered before the app ends."""
    async with serve() as service:
        session = (await service.turn("one")).json()["session_id"]
        service.provider.held = asyncio.Event()
        service.provider.reached.clear()
        late = asyncio.ensure_future(service.turn("two", session))
        await service.provider.reached.wait()
        asyncio.get_running_loop().call_soon(service.provider.held.set)
    assert (await late).status_code == 200
    async with serve() as service:
        read = await service.client.get(f"/sessions/{session}")
    assert [turn["message"] for turn in read.json()["turns"]] == ["one", "two"]


async def test_readiness_falls_before_the_rest_of_the_shutdown(serve: Any, wire: Callable[..., Any]) -> None:
    """While the app drains it is not ready, takes no turn, and still lives."""
    async with serve() as service:
        service.provider.held = asyncio.Event()
        late = asyncio.ensure_future(service.turn("one"))
        await service.provider.reached.wait()
        statuses: list[int] = []

        async def look() -> None:
            for path, method in (("/ready", "GET"), ("/workflow/execute", "POST"), ("/health", "GET")):
                request = wire(path, method=method)
                await service.app(request.scope, request.receive, request.send)
                statuses.append(request.status)
            service.provider.held.set()

        looking: list[asyncio.Task[None]] = []
        # The shutdown begins when this block ends, so the look is taken just after.
        asyncio.get_running_loop().call_later(0.05, lambda: looking.append(asyncio.ensure_future(look())))
    assert (await late).status_code == 200
    await looking[0]
    assert statuses == [503, 503, 200]


def test_a_defect_replaces_one_part() -> None:
    """A defect is a function of the components; what it does not replace is made as before."""
    replaced: list[str] = []

    class Marked(SQLiteSessionStore):
        pass

    def apply(components: Components) -> Components:
        replaced.append("store")
        return replace(components, store=lambda parts: Marked(parts.settings))

    defect = Defect(
        name="marked", incident_class="C00", sources=(), summary="none", reasons=("none",), apply=apply
    )
    good = Components(settings=Settings())
    parts = Parts(with_defects(good, ["marked"], {"marked": defect}))
    assert isinstance(parts.store, Marked)
    assert not isinstance(Parts(good).store, Marked)
    assert parts.store is parts.store
    assert replaced == ["store"]


def test_an_unknown_defect_is_refused_by_name() -> None:
    """The message names what was asked for, and what there is."""
    with pytest.raises(ValueError, match="there is no defect 'no_such_thing'; there are: "):
        create(defects=["no_such_thing"])


def test_every_defect_of_every_area_is_listed_once() -> None:
    """The catalogue is what the modules beside it define: none is left out, and no name hides another."""
    areas = [
        importlib.import_module(module.name)
        for module in iter_modules(defects.__path__, "reference_app.defects.")
    ]
    defined = [defect for area in areas for defect in getattr(area, "DEFECTS", ())]
    assert defined
    assert sorted(defect.name for defect in defined) == sorted(DEFECTS)
    assert all(DEFECTS[defect.name] is defect for defect in defined)


def test_the_circuit_is_in_the_metrics_from_the_start() -> None:
    """Before the first change of the circuit the metric says that it is closed, so that an alarm has something to look at."""
    parts = Parts(Components(settings=Settings(provider_model="m")))
    assert parts.application is parts.application
    assert 'app_breaker_state{model="m",state="closed"} 1.0' in parts.metrics.render().decode()


async def test_a_rehearsal_reaches_the_provider_by_the_wire_that_is_handed_in(
    wire: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a transport and no address in the environment, turns still go to the provider."""
    monkeypatch.delenv("APP_PROVIDER_URL", raising=False)
    monkeypatch.setenv("LOG_FILE", os.devnull)
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(500)

    app = create(transport=httpx.MockTransport(answer))
    request = wire("/intent/classify", body=b'{"message": "hi"}')
    await app(request.scope, request.receive, request.send)
    assert request.status == 200
    assert set(seen) == {"/v1/chat/completions"}

"""Runs that prove nothing: a generator that was killed or stood still, a target that was swapped or counts otherwise."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.gates import parse
from harness.load.options import LoadOptions
from harness.load.run import Load
from harness.load.target import Starter
from harness.targets.ports import free_port
from harness.targets.profile import load
from harness.verdict import Verdict
from tests.harness.load.conftest import Stub as StubService
from tests.harness.load.processes import is_sending, locusts, workers

pytestmark = pytest.mark.usefixtures("patience")
Stub = Callable[..., Starter]
URL = """\
url = "http://127.0.0.1:{port}"
[turn]
path = "/turn"
body = {{ message = "{{message}}", session_id = "{{session}}" }}
session = "/session_id"
reply = "/method"
"""
"""The profile of a service that runs already, and signs nothing."""


@pytest.mark.parametrize(("number", "reason"), [
    (signal.SIGKILL, " ended with signal 9"),
    (signal.SIGSTOP, " was silent for"),
])  # fmt: skip
async def test_a_generator_that_is_killed_or_paused_makes_the_run_invalid(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, reason: str
) -> None:
    """What the others left is no verdict; the run does not wait for ever for one that is silent."""
    monkeypatch.setattr("harness.load.validity.SILENT_FRAMES_MAX", 8)
    done: list[psutil.Process] = []

    def hit(progress: str) -> None:
        if not done and is_sending(progress) and len(found := workers()) == 2:
            done.append(found[1])
            found[1].send_signal(number)

    options = LoadOptions(for_s=60, rate_per_s=50, workers=2)
    report = await Load(start=stub(), say=hit).run(options)
    assert done
    assert report.verdict is Verdict.INVALID
    assert any(reason in told for told in report.reasons)
    assert locusts() == []


@pytest.mark.parametrize("how", [{"rate_per_s": 50}, {"users": 4, "gates": (parse("max < 0.6s"),)}])
async def test_a_generator_that_stood_still_makes_the_run_invalid(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    """Paused for a second, it goes on and comes to its end: what it sent or read late is no fault of the service."""
    monkeypatch.setattr("harness.load.validity.STILL_S_MAX", 0.5)
    paused: list[psutil.Process] = []
    waking: list[asyncio.TimerHandle] = []

    def hit(progress: str) -> None:
        if not paused and is_sending(progress) and (found := workers()):
            paused.append(found[0])
            found[0].suspend()
            waking.append(asyncio.get_running_loop().call_later(1.0, found[0].resume))

    report = await Load(start=stub(answer_s=0.05), say=hit).run(LoadOptions(for_s=5, **how))
    assert waking
    assert report.verdict is Verdict.INVALID
    assert any("stood still" in told for told in report.reasons)


@pytest.mark.parametrize(("mistake", "reason"), [
    ({"nonce_sent": "another"}, "60 answers did not carry the nonce"),
    ({"swaps_after": 45}, "15 answers did not carry the nonce"),
    ({"uncounted": 1}, "60 turns are on record and the target counted 59"),
    ({"metric": "other_total"}, "metrics have no app_responses_total"),
    ({"metric": "{"}, "metrics have no app_responses_total"),
    ({"dies_after": 20}, "the target died under load"),
])  # fmt: skip
async def test_an_observation_that_cannot_be_trusted_is_invalid(
    stub: Stub, mistake: dict[str, object], reason: str
) -> None:
    """Another's nonce, another count and a dead target each invalidate the run and say why."""
    report = await Load(start=stub(**mistake)).run(LoadOptions(requests=60, users=3))
    assert report.verdict is Verdict.INVALID
    assert any(reason in told for told in report.reasons)


@pytest.mark.parametrize(
    ("swaps", "reason"), [(False, None), (True, "another process listens at http://127.0.0.1:")]
)
async def test_a_target_that_cannot_sign_is_known_by_its_socket(
    tmp_path: Path, swaps: bool, reason: str | None
) -> None:
    """Where another comes to its place in the middle, the run is invalid and ends; the same one to the end is no doubt."""
    port = free_port()
    (tmp_path / "url.toml").write_text(URL.format(port=port))
    serve = partial(asyncio.start_server, StubService().serve, "127.0.0.1", port)
    servers = [await serve()]
    swapping: list[asyncio.Task[None]] = []

    async def swap() -> None:
        servers[0].close()
        servers.append(await serve())

    def say(progress: str) -> None:
        if swaps and is_sending(progress) and not swapping:
            swapping.append(asyncio.create_task(swap()))

    options = LoadOptions(
        for_s=30 if swaps else 2,
        rate_per_s=20,
        gates=(parse("error_rate < 99%"),),
        profile=load(str(tmp_path / "url.toml")),
    )
    report = await Load(say=say).run(options)
    for server in servers:
        server.close()
    assert len(servers) == 1 + swaps
    assert (report.verdict is Verdict.INVALID, report.notes) == (swaps, ())
    assert reason is None or any(reason in told for told in report.reasons)

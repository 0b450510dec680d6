"""Faults of the wire behind both doors: what the client gets of an answer that is cut, late, slow or held back."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from provider_bench import Bench, heard

from harness.faults.provider import ProviderServerError, ProviderTruncatedBody
from harness.faults.provider_timing import (
    ProviderHeadersOnly,
    ProviderLateReply,
    ProviderPoolHeld,
    ProviderSlowDrip,
    ProviderSlowFirstByte,
)
from harness.faults.provider_transport import ProviderExtraReply, ProviderResetMidBody
from harness.faults.provider_wire import first_bytes
from harness.rig import Call, Fault, Window
from harness.wire import Pause, Raw

BROKEN: list[tuple[Fault, type[Exception], str]] = [
    (ProviderTruncatedBody(), httpx.RemoteProtocolError, "without sending complete message body"),
    (ProviderTruncatedBody(how="bad_chunk"), httpx.RemoteProtocolError, "illegal chunk header: .*nonsense"),
    (ProviderTruncatedBody(how="empty"), httpx.RemoteProtocolError, "without sending a response"),
    (ProviderTruncatedBody(how="random"), httpx.RemoteProtocolError, "illegal status line: bytearray"),
    (ProviderResetMidBody(), httpx.ReadError, "^$"),
    (ProviderResetMidBody(at_bytes=0), httpx.ReadError, "^$"),
    (ProviderResetMidBody(at_bytes=10**9), httpx.ReadError, "^$"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("fault", "kind", "text"), BROKEN)
async def test_a_broken_answer_is_an_exception_and_mends(
    bench: Bench, fault: Fault, kind: type[Exception], text: str, stream: bool
) -> None:
    """What is not whole never comes out as an answer, in one piece or as a stream; then the same client gets it whole."""
    honest = heard(await bench.ask(stream=stream))
    async with fault.inject(bench.rig):
        with pytest.raises(kind, match=text):
            await bench.ask(stream=stream)
    assert heard(await bench.ask(stream=stream)) == honest
    assert [name for name, _ in bench.fired] == [fault.name]
    assert [call.fault for call in bench.witness.records()] == [None, fault.name, None]


@pytest.mark.parametrize("how", ["empty", "random"])
async def test_what_was_no_http_has_no_status(bench: Bench, how: str) -> None:
    """The provider's own account says that nothing was answered that has a status."""
    async with ProviderTruncatedBody(how=how).inject(bench.rig):
        with pytest.raises(httpx.RemoteProtocolError):
            await bench.ask()
    assert [call.status for call in bench.witness.records()] == [None]


SLOW: list[Fault] = [
    ProviderSlowFirstByte(delay_s=0.01),
    ProviderSlowFirstByte(delay_s=0.01, jitter_s=0.01),
    ProviderSlowDrip(interval_s=0.001, chunk_bytes=64),
    ProviderHeadersOnly(for_s=0.01),
    ProviderLateReply(timeout_s=0.01, late_s=0.001),
    ProviderPoolHeld(for_s=0.01),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", SLOW)
async def test_a_slow_answer_is_whole_for_one_who_waits(bench: Bench, fault: Fault, stream: bool) -> None:
    """Time is all that it costs: what arrives in the end is what would have arrived at once."""
    honest = heard(await bench.ask(stream=stream))
    async with fault.inject(bench.rig):
        assert heard(await bench.ask(stream=stream)) == honest
    assert [name for name, _ in bench.fired] == [fault.name]


@pytest.mark.parametrize(
    "fault", [ProviderSlowFirstByte(), ProviderHeadersOnly(), ProviderLateReply(), ProviderSlowDrip()]
)
async def test_a_slow_answer_is_a_read_timeout_for_one_who_does_not(bench: Bench, fault: Fault) -> None:
    """With its own delays each is longer than a short read timeout, and the client's own exception says so."""
    async with fault.inject(bench.rig):
        with pytest.raises(httpx.ReadTimeout):
            await bench.ask(timeout_s=0.05)
    assert heard(await bench.ask())
    assert [name for name, _ in bench.fired] == [fault.name]


async def test_a_read_timeout_never_ends_a_drip(bench: Bench) -> None:
    """Each byte comes in time, so the client goes on reading for longer than its timeout."""
    drip = ProviderSlowDrip(interval_s=0.01, chunk_bytes=6)
    async with drip.inject(bench.rig):
        answer = await bench.ask(timeout_s=0.5)
    assert len(answer.content) / drip.chunk_bytes * drip.interval_s > 0.5
    assert heard(answer)


async def test_the_head_comes_before_the_silence(bench: Bench) -> None:
    """Status and headers are there at once; the body is what does not come."""
    async with ProviderHeadersOnly(for_s=60).inject(bench.rig):
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi!"}]}
        async with bench.client.stream("POST", "chat/completions", json=body) as answer:
            assert answer.status_code == 200
            assert int(answer.headers["content-length"]) > 0


class NotingClock:
    """A clock on which no time passes: it notes how long it was told to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def test_a_late_reply_is_later_than_the_caller_says_that_it_waits(bench: Bench) -> None:
    """The timeout that OpenAI's client sends counts; where there is none, or nonsense, the knob does."""
    clock = NotingClock()
    async with ProviderLateReply(timeout_s=7, late_s=0.5).inject(replace(bench.rig, clock=clock)):
        for said in ({}, {"x-stainless-read-timeout": "2"}, {"x-stainless-read-timeout": "never"}):
            await bench.ask(**said)
    assert clock.slept == [7.5, 2.5, 7.5]


async def test_jitter_is_drawn_for_each_call_and_is_the_same_for_the_same(bench: Bench) -> None:
    """Calls are late by different times within the bounds, and a second run of the same calls by the same ones."""
    clock = NotingClock()
    fault = ProviderSlowFirstByte(delay_s=2, jitter_s=1)
    async with fault.inject(replace(bench.rig, clock=clock)):
        for _ in range(5):
            await bench.ask()
    assert len(set(clock.slept)) == 5
    assert all(1 <= slept_s <= 3 for slept_s in clock.slept)
    again = [
        fault._held_s(Call(ordinal=n, level="", request_id=None, headers={}, body={})) for n in range(1, 6)
    ]
    assert again == clock.slept


async def test_a_crowd_is_let_go_when_there_are_enough(bench: Bench) -> None:
    """Three wait for a fourth, whoever is fifth waits for others, and nothing is held when the fault is over."""
    held = ProviderPoolHeld(sockets=4, for_s=600)
    async with held.inject(bench.rig):
        four = [heard(answer) for answer in await asyncio.gather(*(bench.ask() for _ in range(4)))]
        bench.witness.call_began.clear()
        fifth = asyncio.create_task(bench.ask())
        await bench.witness.call_began.wait()
        assert not fifth.done()
    assert {heard(await fifth), *four} == {heard(await bench.ask())}
    assert [name for name, _ in bench.fired] == ["provider.pool_held"] * 4


async def test_who_leaves_a_crowd_is_no_longer_counted(bench: Bench) -> None:
    """A caller that gave up makes no place for another: two are still needed to let two go."""
    async with ProviderPoolHeld(sockets=2, for_s=600).inject(bench.rig):
        with pytest.raises(httpx.ReadTimeout):
            await bench.ask(timeout_s=0.05)
        await bench.witness.call_aborted.wait()
        with pytest.raises(httpx.ReadTimeout):
            await bench.ask(timeout_s=0.05)


@pytest.mark.parametrize(
    "fault",
    [
        ProviderSlowDrip(),
        ProviderHeadersOnly(),
        ProviderResetMidBody(),
        ProviderTruncatedBody(),
        ProviderTruncatedBody(how="bad_chunk"),
        ProviderExtraReply(),
    ],
)
@pytest.mark.parametrize(
    "inner",
    [ProviderServerError(body="empty"), ProviderTruncatedBody(how="empty")],
    ids=["status", "nothing"],
)
async def test_where_there_is_no_body_nothing_of_it_can_be_missing(
    bench: Bench, fault: Fault, inner: Fault
) -> None:
    """Around an answer without a body, or without even a head, a fault of the body changes nothing and has not fired."""
    async with inner.inject(bench.rig), fault.inject(bench.rig):
        if inner.name == "provider.server_error":
            assert (await bench.ask()).status_code == 500
        else:
            with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
                await bench.ask()
    assert [name for name, _ in bench.fired] == [inner.name]


def test_what_comes_of_a_reply_ends_with_its_last_byte() -> None:
    """Neither a pause nor what is no part of the body follows the last byte that is let through."""
    parts = (Pause(for_s=1), b"abc", Pause(for_s=2), b"def", Raw(data=b"more"))
    assert list(first_bytes(parts, 0)) == []
    assert list(first_bytes(parts, 3)) == [Pause(for_s=1), b"abc"]
    assert list(first_bytes(parts, 4)) == [Pause(for_s=1), b"abc", Pause(for_s=2), b"d"]
    assert list(first_bytes(parts, 6)) == list(parts[:4])


async def test_a_bad_chunk_is_one_whatever_framed_the_answer_before(bench: Bench) -> None:
    """An inner fault that announces the length does not keep an outer one from sending chunks."""
    slow = ProviderHeadersOnly(for_s=0.01)
    async with slow.inject(bench.rig), ProviderTruncatedBody(how="bad_chunk").inject(bench.rig):
        with pytest.raises(httpx.RemoteProtocolError, match="illegal chunk header"):
            await bench.ask()


@pytest.mark.parametrize("stream", [False, True], ids=["error", "stream"])
async def test_only_a_whole_completion_is_repeated(bench: Bench, stream: bool) -> None:
    """An error is not sent twice, nor is a stream: both come as they were, and nothing else has fired."""
    inner = ProviderServerError(window=Window(level="structured"))
    async with inner.inject(bench.rig), ProviderExtraReply().inject(bench.rig):
        answer = await bench.ask(stream=stream, structured=not stream)
    assert answer.status_code == (200 if stream else 500)
    assert "provider.extra_reply" not in [name for name, _ in bench.fired]


async def received(bench: Bench, pieces: list[bytes]) -> None:
    """Read an answer piece by piece."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi!"}]}
    async with bench.client.stream("POST", "chat/completions", json=body) as answer:
        async for piece in answer.aiter_raw():
            pieces.append(piece)  # noqa: PERF401  # what came before it broke must be kept


async def test_faults_of_the_wire_add_up(bench: Bench) -> None:
    """A drip around a cut is a slow cut: what comes is as much as the inner one lets through, in the outer one's pieces."""
    window = Window(first_n=1)
    drip = ProviderSlowDrip(interval_s=0.001, chunk_bytes=8, window=window)
    async with ProviderResetMidBody(at_bytes=20, window=window).inject(bench.rig), drip.inject(bench.rig):
        pieces: list[bytes] = []
        with pytest.raises(httpx.ReadError):
            await received(bench, pieces)
    # A reset takes with it what the client's side has not read yet; in process there is no such side.
    assert [len(piece) for piece in pieces] == [8, 8, 4][: len(pieces)]
    assert len(pieces) == 3 or bench.door == "tcp"
    assert sorted(name for name, _ in bench.fired) == ["provider.reset_mid_body", "provider.slow_drip"]

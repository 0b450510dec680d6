"""Streams that break, behind both doors: what had come by then, and how the client learns that it is not all."""

from typing import Any

import httpx
import pytest
from provider_bench import Bench, events, heard

from harness.faults.completions import ProviderContentFilter, ProviderMalformedJson
from harness.faults.provider import ProviderHugeBody, ProviderServerError
from harness.faults.provider_semantics import ProviderEmptyAnswer
from harness.faults.provider_streams import ProviderStreamCut, ProviderStreamError, ProviderStreamStall
from harness.faults.provider_timing import ProviderSlowDrip
from harness.rig import Fault

BODY: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "messages": [{"role": "user", "content": "Hi! How can you help me?"}],
}


async def received(bench: Bench) -> tuple[bytes, Exception | None]:
    """What comes of a stream, and what ended it."""
    seen = b""
    try:
        async with bench.client.stream("POST", "chat/completions", json=BODY) as answer:
            async for piece in answer.aiter_raw():
                seen += piece
    except httpx.TransportError as error:
        return seen, error
    return seen, None


@pytest.mark.parametrize("how", ["eof", "rst", "inside_utf8"])
@pytest.mark.parametrize("after_chunks", [0, 1, 3, -1, 10**6, -(10**6)])
async def test_a_stream_is_cut_after_so_many_events(bench: Bench, how: str, after_chunks: int) -> None:
    """The events that were asked for come whole, and `[DONE]` never does, however few or many there are."""
    whole, _ = await received(bench)
    events_whole = whole.split(b"\n\n")[:-1]
    last = len(events_whole) - 1
    expected = {10**6: last, -1: last, -(10**6): 0}.get(after_chunks, after_chunks)
    async with ProviderStreamCut(after_chunks=after_chunks, how=how).inject(bench.rig):
        cut, error = await received(bench)
    kinds = {"rst": httpx.ReadError}
    assert type(error) is kinds.get(how, httpx.RemoteProtocolError)
    found = cut.split(b"\n\n")
    # A reset takes with it what the client's side has not read yet; in process there is no such side.
    lost = how == "rst" and bench.door == "tcp"
    assert len(found) - 1 <= expected if lost else len(found) - 1 == expected
    assert b"[DONE]" not in cut
    assert (found[-1] == b"") is (how != "inside_utf8")
    assert (await received(bench))[1] is None
    assert [name for name, _ in bench.fired] == ["provider.stream_cut"]


async def test_a_cut_within_a_letter_leaves_what_is_no_utf8(bench: Bench) -> None:
    """The last byte that comes is the first of two that are one letter."""
    async with ProviderStreamCut(how="inside_utf8").inject(bench.rig):
        cut, _ = await received(bench)
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        cut.decode()


async def test_a_stall_is_a_read_timeout_in_the_middle(bench: Bench) -> None:
    """One event comes, then nothing: the read timeout ends it, and for one who waits the rest comes."""
    async with ProviderStreamStall(for_s=60).inject(bench.rig):
        with pytest.raises(httpx.ReadTimeout):
            await bench.ask(stream=True, timeout_s=0.05)
    honest = heard(await bench.ask(stream=True))
    for after_chunks in (1, -1):
        async with ProviderStreamStall(after_chunks=after_chunks, for_s=0.01).inject(bench.rig):
            answer = await bench.ask(stream=True)
        assert heard(answer) == honest
        assert events(answer)[-1] == "[DONE]"
    assert [name for name, _ in bench.fired] == ["provider.stream_stall"] * 3


async def test_an_error_in_a_stream_comes_in_a_200_that_ends_in_order(bench: Bench) -> None:
    """No transport says that anything is wrong: only the event does, and that no `[DONE]` follows it."""
    async with ProviderStreamError(after_chunks=2).inject(bench.rig):
        answer = await bench.ask(stream=True)
    assert answer.status_code == 200
    first, second, last = events(answer)
    assert first["choices"]
    assert second["choices"]
    assert last["error"]["type"] == "server_error"
    assert events(await bench.ask(stream=True))[-1] == "[DONE]"
    assert [name for name, _ in bench.fired] == ["provider.stream_error"]


@pytest.mark.parametrize("fault", [ProviderStreamCut(), ProviderStreamStall(), ProviderStreamError()])
async def test_what_is_no_stream_is_left_alone(bench: Bench, fault: Fault) -> None:
    """An answer that was asked for whole, and an error where a stream was asked for, stay as they are."""
    async with fault.inject(bench.rig):
        assert (await bench.ask()).status_code == 200
        async with ProviderServerError().inject(bench.rig):
            assert (await bench.ask(stream=True)).status_code == 500
    assert [name for name, _ in bench.fired] == ["provider.server_error"]


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        (ProviderEmptyAnswer(), ""),
        (ProviderEmptyAnswer(content=None), ""),
        (ProviderContentFilter(), ""),
        (ProviderMalformedJson(form="wrong_type"), "["),
    ],
)
async def test_what_bends_a_completion_bends_its_stream(bench: Bench, fault: Fault, content: str) -> None:
    """A fault of the content is in the events too: it acts before the completion is cut into them."""
    async with fault.inject(bench.rig):
        answer = await bench.ask(stream=True)
    assert heard(answer)[:1] == content
    assert events(answer)[-1] == "[DONE]"
    reason = events(answer)[-2]["choices"][0]["finish_reason"]
    assert reason == ("content_filter" if isinstance(fault, ProviderContentFilter) else "stop")


async def test_a_huge_stream_says_what_the_honest_one_does(bench: Bench) -> None:
    """A stream too has as many bytes as were asked for, in a field that nobody knows, and its text is the honest one."""
    honest = heard(await bench.ask(stream=True))
    async with ProviderHugeBody(size_bytes=100_000).inject(bench.rig):
        answer = await bench.ask(stream=True)
    assert len(answer.content) == 100_000
    assert (heard(answer), events(answer)[-1]) == (honest, "[DONE]")
    assert [name for name, _ in bench.fired] == ["provider.huge_body"]


async def test_a_stream_that_is_in_pieces_has_no_place_for_more(bench: Bench) -> None:
    """Where another fault has cut the events into pieces nothing is added, and nothing has fired."""
    drip = ProviderSlowDrip(interval_s=0.001, chunk_bytes=64)
    async with drip.inject(bench.rig), ProviderHugeBody().inject(bench.rig):
        assert len((await bench.ask(stream=True)).content) < 10_000
    assert [name for name, _ in bench.fired] == ["provider.slow_drip"]

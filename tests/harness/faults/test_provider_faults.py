"""Each fault of the provider's plane, behind both doors: what the client gets, that it is recorded, that it mends."""

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from harness.faults import (
    ProviderBadScore,
    ProviderClientError,
    ProviderContentFilter,
    ProviderFinishLength,
    ProviderHugeBody,
    ProviderLowScore,
    ProviderMalformedJson,
    ProviderNoReply,
    ProviderRateLimited,
    ProviderRefusal,
    ProviderSchemaMisfit,
    ProviderServerError,
    ProviderTruncatedBody,
)
from harness.faults.provider_semantics import ProviderEmptyAnswer
from harness.rig import Fault, Window

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def choice(answer: httpx.Response) -> Any:
    assert answer.status_code == 200
    return answer.json()["choices"][0]


def content(answer: httpx.Response) -> Any:
    return json.loads(choice(answer)["message"]["content"])


def text(answer: httpx.Response) -> str:
    return str(choice(answer)["message"]["content"])


def undecoded(answer: httpx.Response) -> tuple[str, bytes]:
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()
    accent = answer.content.index(b"\xe9")
    return answer.headers["content-type"], answer.content[accent - 4 : accent + 1]


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"]["code"]


CASES: list[tuple[Fault, Callable[[httpx.Response], Any], Any]] = [
    (ProviderRateLimited(), code, (429, "rate_limit_exceeded")),
    (ProviderRateLimited(), lambda answer: answer.headers["retry-after"], "1"),
    (ProviderRateLimited(retry_after=0.25), lambda answer: answer.headers["retry-after"], "0.25"),
    (ProviderRateLimited(retry_after=DATE), lambda answer: answer.headers["retry-after"], DATE),
    (ProviderRateLimited(retry_after=None), lambda answer: "retry-after" in answer.headers, False),
    (ProviderRateLimited(code="insufficient_quota"), code, (429, "insufficient_quota")),
    (
        ProviderRateLimited(code="insufficient_quota"),
        lambda a: a.json()["error"]["type"],
        "insufficient_quota",
    ),
    (ProviderServerError(), code, (500, None)),
    (ProviderServerError(status=503, retry_after=2), lambda answer: answer.headers["retry-after"], "2"),
    (ProviderServerError(status=502, body="html"), lambda answer: answer.text[:6], "<html>"),
    (
        ProviderServerError(status=529, body="empty"),
        lambda answer: (answer.status_code, answer.text),
        (529, ""),
    ),
    (ProviderClientError(), code, (400, "context_length_exceeded")),
    (ProviderClientError(code="invalid_json_schema"), code, (400, "invalid_json_schema")),
    (ProviderClientError(status=401), code, (401, "invalid_api_key")),
    (ProviderClientError(status=403), code, (403, "unsupported_country_region_territory")),
    (ProviderClientError(status=404), code, (404, "model_not_found")),
    (ProviderNoReply(for_s=0.01), lambda answer: answer.status_code, 200),
    (ProviderHugeBody(size_bytes=1_000_000), lambda answer: len(answer.content), 1_000_000),
    (ProviderHugeBody(), lambda answer: "intent" in content(answer), True),
    (ProviderMalformedJson(), lambda answer: (text(answer)[:2], text(answer)[-1:] == "}"), ('{"', False)),
    (
        ProviderMalformedJson(form="fenced"),
        lambda answer: text(answer)[:8] + text(answer)[-4:],
        "```json\n\n```",
    ),
    (ProviderMalformedJson(form="trailing"), lambda answer: text(answer)[-6:], "helps!"),
    (ProviderMalformedJson(form="wrong_type"), lambda answer: type(content(answer)), list),
    (
        ProviderMalformedJson(form="wrong_charset"),
        undecoded,
        ("application/json; charset=utf-8", b" caf\xe9"),
    ),
    (ProviderMalformedJson(form="html"), lambda a: (a.status_code, a.text[:6]), (200, "<html>")),
    (ProviderSchemaMisfit(form="empty_choices"), lambda answer: answer.json()["choices"], []),
    (ProviderSchemaMisfit(form="no_choices"), lambda answer: "choices" in answer.json(), False),
    (ProviderSchemaMisfit(form="missing_key"), lambda answer: "intent" in content(answer), False),
    (ProviderSchemaMisfit(form="string_for_object"), lambda answer: type(content(answer)), str),
    (ProviderSchemaMisfit(form="unknown_label"), lambda answer: content(answer)["intent"], "teleportation"),
    (
        ProviderSchemaMisfit(form="extra_key"),
        lambda answer: {"reasoning", "intent"} <= set(content(answer)),
        True,
    ),
    (ProviderEmptyAnswer(), lambda a: (choice(a)["finish_reason"], text(a)), ("stop", "")),
    (ProviderEmptyAnswer(content=None), lambda a: choice(a)["message"]["content"], None),
    (ProviderFinishLength(), lambda a: (choice(a)["finish_reason"], text(a)), ("length", "None")),
    (ProviderFinishLength(content="valid_prefix"), lambda a: choice(a)["finish_reason"], "length"),
    (ProviderFinishLength(content="valid_prefix"), lambda a: "confidence" in content(a), True),
    (
        ProviderFinishLength(content="valid_prefix"),
        lambda a: content(a)["intent"] in ("request", "email_request"),
        True,
    ),
    (ProviderContentFilter(), lambda a: (choice(a)["finish_reason"], text(a)), ("content_filter", "None")),
    (ProviderRefusal(), lambda a: (choice(a)["message"]["refusal"][:9], text(a)), ("I'm sorry", "None")),
    (ProviderLowScore(), lambda answer: content(answer)["confidence"], 0.3),
    (ProviderLowScore(value=0.7), lambda answer: content(answer)["confidence"], 0.7),
    (ProviderBadScore(), lambda answer: math.isnan(content(answer)["confidence"]), True),
    (ProviderBadScore(value=math.inf), lambda answer: content(answer)["confidence"], math.inf),
    (ProviderBadScore(value=-1), lambda answer: content(answer)["confidence"], -1),
    (ProviderBadScore(value=1.7), lambda answer: content(answer)["confidence"], 1.7),
    (ProviderBadScore(value="0.9"), lambda answer: content(answer)["confidence"], "0.9"),
]


@pytest.mark.parametrize("structured", [False, True], ids=["conversation", "structured"])
@pytest.mark.parametrize(("fault", "seen", "expected"), CASES)
async def test_a_fault_fires_is_recorded_and_mends(
    bench: Any, fault: Fault, seen: Callable[[httpx.Response], Any], expected: Any, structured: bool
) -> None:
    """The client sees the fault on the wire, run and witness both say which one it was, and then it is gone."""
    honest = (await bench.ask(structured=structured)).json()["choices"]
    async with fault.inject(bench.rig):
        assert seen(await bench.ask(structured=structured)) == expected
    mended = await bench.ask(structured=structured)
    assert mended.json()["choices"] == honest
    assert [name for name, _ in bench.fired] == [fault.name]
    assert [call.fault for call in bench.witness.records()] == [None, fault.name, None]


async def test_the_content_that_is_malformed_cannot_be_parsed(bench: Any) -> None:
    """Each form that breaks the content leaves an envelope that can be read, and content that is no JSON object."""
    for form in ("truncated", "fenced", "trailing"):
        async with ProviderMalformedJson(form=form).inject(bench.rig):
            with pytest.raises(ValueError, match=r"Expecting|Extra data|Unterminated"):
                content(await bench.ask())


async def test_a_truncated_body_breaks_the_protocol(bench: Any) -> None:
    """Less arrives than was announced, and the client's library says so; afterwards it is whole again."""
    fault = ProviderTruncatedBody(missing_bytes=1)
    async with fault.inject(bench.rig):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await bench.ask()
    assert (await bench.ask()).status_code == 200
    assert [name for name, _ in bench.fired] == [fault.name]


async def test_a_body_that_is_shorter_than_what_is_missing_is_lost_whole(bench: Any) -> None:
    """Asking for more bytes to be missing than there are leaves none."""
    async with ProviderTruncatedBody(missing_bytes=10**9).inject(bench.rig):
        with pytest.raises(httpx.RemoteProtocolError, match="received 0 bytes"):
            await bench.ask()


async def test_an_empty_body_cannot_be_truncated(bench: Any) -> None:
    """Where there is no byte to lose the answer stays as it is, and only what emptied it has fired."""
    async with ProviderServerError(body="empty").inject(bench.rig), ProviderTruncatedBody().inject(bench.rig):
        assert (await bench.ask()).status_code == 500
    assert [name for name, _ in bench.fired] == ["provider.server_error"]


BENDING = [
    ProviderMalformedJson(),
    ProviderSchemaMisfit(),
    ProviderSchemaMisfit(form="empty_choices"),
    ProviderSchemaMisfit(form="no_choices"),
    ProviderEmptyAnswer(),
    ProviderFinishLength(),
    ProviderFinishLength(content="valid_prefix"),
    ProviderContentFilter(),
    ProviderRefusal(),
    ProviderLowScore(),
    ProviderBadScore(),
    ProviderHugeBody(),
]


@pytest.mark.parametrize("fault", BENDING)
async def test_where_there_is_nothing_to_bend_nothing_has_fired(bench: Any, fault: Fault) -> None:
    """A fault around an error has no completion to bend: the error stays, and only the error is recorded."""
    async with ProviderServerError().inject(bench.rig), fault.inject(bench.rig):
        assert code(await bench.ask()) == (500, None)
    assert [name for name, _ in bench.fired] == ["provider.server_error"]


@pytest.mark.parametrize(
    "fault",
    [
        ProviderSchemaMisfit(),
        ProviderSchemaMisfit(form="unknown_label"),
        ProviderLowScore(),
        ProviderBadScore(),
    ],
)
async def test_a_plain_text_has_no_score_and_no_label(bench: Any, fault: Fault) -> None:
    """A chat without JSON is left as it is by the faults that bend an object, and they have not fired."""
    async with fault.inject(bench.rig):
        assert text(await bench.ask(system="Be nice.")).startswith("(Turn 1)")
    assert bench.fired == []


async def test_a_plain_text_can_be_cut_off(bench: Any) -> None:
    """A completion of plain text that ran out of tokens is its first half."""
    whole = text(await bench.ask(system="Be nice."))
    async with ProviderFinishLength(content="valid_prefix").inject(bench.rig):
        cut = await bench.ask(system="Be nice.")
    assert choice(cut)["finish_reason"] == "length"
    assert whole.startswith(text(cut))
    assert 0 < len(text(cut)) < len(whole)


@pytest.mark.parametrize("first", [0, 1], ids=["first_in_first_out", "last_in_first_out"])
async def test_two_faults_that_overlap_mend_in_either_order(bench: Any, first: int) -> None:
    """While both are open the last one shapes the answer; whichever goes, the other stays as it was."""
    faults = [ProviderRateLimited(), ProviderServerError()]
    statuses = [429, 500]
    open_ones = [fault.inject(bench.rig) for fault in faults]
    for one in open_ones:
        await one.__aenter__()
    assert (await bench.ask()).status_code == 500
    await open_ones[first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == statuses[1 - first]
    await open_ones[1 - first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == 200


async def test_a_fault_of_one_level_leaves_the_other_alone(bench: Any) -> None:
    """The chain's levels can be failed one by one, and healed after so many calls."""
    window = Window(level="conversation", first_n=2)
    async with ProviderServerError(window=window).inject(bench.rig):
        answers = [(await bench.ask(structured=structured)).status_code for structured in (0, 1, 0, 1, 0)]
    assert answers == [500, 200, 500, 200, 200]

"""Errors that say more than a status, behind both doors: when to come back, by which clock, and with which key."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from provider_bench import KEY, Bench

from harness.faults.completions import ProviderMalformedJson
from harness.faults.provider import DATE_AHEAD_S, ProviderRateLimited
from harness.faults.provider_clock import ClockSkew
from harness.faults.provider_semantics import ProviderSecretEcho


def seconds(date: str) -> float:
    """An HTTP date as seconds since 1970."""
    return parsedate_to_datetime(date).timestamp()


async def test_an_honest_date_is_a_little_ahead_of_now(bench: Bench) -> None:
    """Who waits until then waits for two seconds at most, whenever it is asked."""
    async with ProviderRateLimited(retry_after="date").inject(bench.rig):
        before_s = time.time()
        answer = await bench.ask()
        after_s = time.time()
    assert answer.status_code == 429
    # An HTTP date has no fractions of a second.
    assert int(before_s) + DATE_AHEAD_S <= seconds(answer.headers["retry-after"]) <= after_s + DATE_AHEAD_S


@pytest.mark.parametrize("by_s", [3_600.0, -3_600.0, 86_400.0])
async def test_a_skewed_clock_is_off_in_both_dates_alike(bench: Bench, by_s: float) -> None:
    """Date and Retry-After are a second apart, as an honest provider's would be, and both off by the skew."""
    async with ClockSkew(by_s=by_s).inject(bench.rig):
        before_s = time.time()
        answer = await bench.ask()
        after_s = time.time()
    date_s = seconds(answer.headers["date"])
    assert answer.status_code == 429
    assert int(before_s + by_s) <= date_s <= after_s + by_s
    assert seconds(answer.headers["retry-after"]) - date_s in (1, 2)
    assert (await bench.ask()).status_code == 200
    assert [name for name, _ in bench.fired] == ["clock.skew"]


@pytest.mark.parametrize(
    ("where", "text"),
    [("body", f"key provided: {KEY}"), ("url", f"?key={KEY} was"), ("header", f"Bearer {KEY}")],
)
async def test_the_error_repeats_the_key(bench: Bench, where: str, text: str) -> None:
    """It is the key that this very call carried, in the place that was asked for and in no other."""
    async with ProviderSecretEcho(where=where).inject(bench.rig):
        answer = await bench.ask()
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    places = {"header": str(answer.headers), "body": answer.json()["error"]["message"]}
    right = "header" if where == "header" else "body"
    assert text in places.pop(right)
    assert KEY not in str(places)
    assert KEY not in str([call.headers for call in bench.witness.records()])


async def test_without_a_key_there_is_nothing_to_repeat(bench: Bench) -> None:
    """A call that carries no key gets its answer, and nothing has fired."""
    async with ProviderSecretEcho().inject(bench.rig):
        assert (await bench.ask(authorization="")).status_code == 200
    assert bench.fired == []


async def test_a_plain_text_can_be_in_the_wrong_charset(bench: Bench) -> None:
    """Where there is no object the letter stands behind the text."""
    whole = (await bench.ask(system="Be nice.")).json()
    async with ProviderMalformedJson(form="wrong_charset").inject(bench.rig):
        answer = await bench.ask(system="Be nice.")
    said: Any = answer.content.decode("latin-1")
    assert whole["choices"][0]["message"]["content"].replace('"', '\\"') + " caf\u00e9" in said

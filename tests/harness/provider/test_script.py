"""The script: windows, the stack of rules, and what counts as fired."""

import asyncio
import random
import threading
from dataclasses import replace
from typing import Any

import pytest

from harness.provider import Script, Witness
from harness.rig import Answer, Call, Reply, Window

BODY = {"messages": [{"role": "user", "content": "Hello"}]}


def call(ordinal: int = 1, level: str = "conversation") -> Call:
    return Call(ordinal=ordinal, level=level, request_id="r", headers={}, body=dict(BODY))


def tag(name: str) -> Any:
    """A rule that puts its name in front of the body that it gets."""

    async def rule(call: Call, answer: Answer) -> Reply:
        reply = await answer(call)
        return replace(reply, body=f"{name}({reply.body[:1].decode()}".encode())

    return rule


async def unchanged(call: Call, answer: Answer) -> Reply:
    """A rule that finds nothing to change."""
    return await answer(call)


async def endless(call: Call, answer: Answer) -> Reply:
    """A rule that never answers."""
    await asyncio.Event().wait()
    return await answer(call)


@pytest.mark.parametrize(
    ("window", "levels", "expected"),
    [
        (Window(), "cccc", [1, 2, 3, 4]),
        (Window(first_n=2), "cccc", [1, 2]),
        (Window(every_k=2), "ccccc", [2, 4]),
        (Window(first_n=3, every_k=2), "cccccc", [2]),
        (Window(level="structured"), "cscs", [2, 4]),
        (Window(level="structured", first_n=1), "ccss", [3]),
    ],
)
async def test_a_rule_fires_on_the_calls_of_its_window(
    parts: Any, window: Window, levels: str, expected: list[int]
) -> None:
    """Only calls of the window's level are counted, and of those only its own are shaped and recorded."""
    names = {"c": "conversation", "s": "structured"}
    async with parts.script.wrapped("a.b", tag("x"), window):
        for ordinal, letter in enumerate(levels, start=1):
            await parts.script.answer(call(ordinal, names[letter]))
    assert [detail.split()[2] for _, detail in parts.fired] == [str(ordinal) for ordinal in expected]


async def test_chance_is_seeded_and_each_rule_has_its_own(parts: Any) -> None:
    """The same seed fires on the same calls, whatever another rule draws in between."""

    async def fired_on(*others: str) -> list[str]:
        fired: list[tuple[str, str]] = []
        script = Script(
            witness=parts.witness, fired=lambda *what: fired.append(what), random=random.Random(11)
        )
        async with script.wrapped("the.one", tag("x"), Window(p=0.5)):
            for name in others:
                await script.wrapped(name, tag("y"), Window(p=0.5)).__aenter__()
            for ordinal in range(1, 41):
                await script.answer(call(ordinal))
        return [detail for fault, detail in fired if fault == "the.one"]

    alone = await fired_on()
    assert 5 < len(alone) < 35
    assert await fired_on("another", "a.third") == alone


async def test_the_rule_that_came_last_is_outermost(parts: Any) -> None:
    """Rules stack: the last one entered has the last word."""
    async with (
        parts.script.wrapped("a", tag("a"), Window()),
        parts.script.wrapped("b", tag("b"), Window()),
    ):
        assert (await parts.script.answer(call())).body == b"b(a"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
async def test_rules_are_taken_away_in_any_order(parts: Any, order: tuple[int, ...]) -> None:
    """Each rule that goes leaves the others in place, and the last one leaves the honest answer."""
    honest = (await parts.script.answer(call())).body
    rules = [parts.script.wrapped(name, tag(name), Window()) for name in "abc"]
    for rule in rules:
        await rule.__aenter__()
    left = list("abc")
    for index in order:
        await rules[index].__aexit__(None, None, None)
        left.remove("abc"[index])
        body = (await parts.script.answer(call())).body
        assert body == honest if not left else body.startswith(left[-1].encode())


async def test_a_rule_goes_however_its_block_ends(parts: Any) -> None:
    """What breaks must mend, also where the body raises."""
    honest = await parts.script.answer(call())
    with pytest.raises(RuntimeError):
        async with parts.script.wrapped("a", tag("a"), Window()):
            raise RuntimeError
    assert await parts.script.answer(call()) == honest


async def test_a_rule_that_changes_nothing_has_not_fired(parts: Any) -> None:
    """A fault that found nothing to break is no evidence that the service was tested."""
    async with parts.script.wrapped("a", unchanged, Window()):
        await parts.script.answer(call())
    assert parts.fired == []


async def test_a_rule_that_holds_a_call_up_has_fired_at_once(parts: Any) -> None:
    """A silent provider is recorded when it falls silent, and once, although nobody ever gets an answer."""
    ordinal = parts.witness.begin(level="conversation", request_id="r", messages=(), headers={})
    async with parts.script.wrapped("a", endless, Window()):
        task = asyncio.ensure_future(parts.script.answer(call(ordinal)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [fault for fault, _ in parts.fired] == ["a"]
        assert parts.witness.records()[0].fault == "a"
        task.cancel()
        await asyncio.wait({task})
    assert len(parts.fired) == 1


async def test_a_rule_that_waits_for_another_has_not_fired(parts: Any) -> None:
    """Where a silent rule lies inside, the one around it never came to act, also when the caller leaves."""
    async with (
        parts.script.wrapped("inner", endless, Window()),
        parts.script.wrapped("outer", tag("x"), Window()),
    ):
        task = asyncio.ensure_future(parts.script.answer(call()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    assert [fault for fault, _ in parts.fired] == ["inner"]


def test_calls_from_many_loops_are_counted_once_each() -> None:
    """An app may call its provider from a new loop in another thread: no count is lost, no lock belongs to a loop."""
    fired: list[str] = []
    witness = Witness(now=lambda: 0.0)
    script = Script(witness=witness, fired=lambda fault, _: fired.append(fault), random=random.Random(1))

    async def calls() -> None:
        for ordinal in range(200):
            await script.answer(call(ordinal))

    async def main() -> None:
        async with script.wrapped("a", tag("x"), Window(first_n=500)):
            threads = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(4)]
            for thread in threads:
                thread.start()
            await asyncio.to_thread(lambda: [thread.join() for thread in threads])

    asyncio.run(main())
    assert len(fired) == 500


async def test_a_rule_whose_fault_tells_marks_its_calls_and_fires_by_itself_on_none(parts: Any) -> None:
    """The provider's account names the fault at the call, and nothing is counted as a firing."""
    asked = {"level": "conversation", "request_id": "r", "messages": (), "headers": {}}
    ordinal = parts.witness.begin(**asked)
    async with parts.script.wrapped("a.b", tag("x"), Window(), tells=True):
        await parts.script.answer(call(ordinal))
    parts.witness.answered(ordinal, 200, b"")
    assert [one.fault for one in parts.witness.records()] == ["a.b"]
    assert parts.fired == []

"""The script: which faults shape which answers.

Rules are stacked around the honest answer, the last one entered outermost, and are taken away in any order. Between
those that see an answer whole and those on the wire it is cut into a stream, where one was asked for. Calls may come from several threads and event loops at once: nothing here belongs to a loop, and counters stand under a lock.
"""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from harness.provider.answers import honest_reply
from harness.provider.streams import streamed
from harness.provider.witness import Witness
from harness.rig import Answer, Call, Matching, Reply, Rule, Window

Fired = Callable[[str, str], None]
"""Told a fault's name and on what it fired; may be called from any thread."""


class Script:
    """The provider seam of a rig (`harness.rig.ProviderSeam`), and what answers the calls.

    A rule has fired as soon as it is seen to act on a call: it answers by itself, holds the call up, or gives another
    reply than the one that it got. A rule that only passes on what it got has changed nothing and has not fired.
    Each rule draws from a stream of its own, seeded from `random`, so that one rule's draws never shift another's.
    `thinks` is awaited before each honest answer: in virtual time, an answer that takes none overlaps with no other.
    """

    def __init__(
        self,
        *,
        witness: Witness,
        fired: Fired,
        random: random.Random,
        thinks: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._witness = witness
        self._thinks = thinks
        self._fired = fired
        self._random = random
        self._lock = threading.Lock()
        self._rules: tuple[_Armed, ...] = ()

    @asynccontextmanager
    async def wrapped(
        self, fault: str, rule: Rule, window: Window, *, on_wire: bool = False, tells: bool = False
    ) -> AsyncIterator[None]:
        """Put `rule` around the answers to the calls that `window` lets through, and record each as fired.

        The window of a rule that is `of_streams` counts the calls that ask for a stream.

        Of a rule that `tells` only the call is marked: what has fired is told by its fault, elsewhere.
        """
        with self._lock:
            matching = Matching(window, random.Random(self._random.random()))
            armed = _Armed(fault, rule, matching, on_wire, tells)
            self._rules = (*self._rules, armed)
        try:
            yield
        finally:
            with self._lock:
                self._rules = tuple(other for other in self._rules if other is not armed)

    async def answer(self, call: Call) -> Reply:
        """The answer to one call: honest, unless a rule that is armed now says otherwise."""
        rules = self._rules
        if not rules and not call.body.get("stream"):
            return await self._honest(call)
        inner = self._around(self._honest, [armed for armed in rules if not armed.on_wire])

        async def sent(call: Call) -> Reply:
            whole = await inner(call)
            return streamed(whole) if call.body.get("stream") else whole

        return await self._around(sent, [armed for armed in rules if armed.on_wire])(call)

    def _around(self, answer: Answer, rules: "Sequence[_Armed]") -> Answer:
        """The answer with `rules` around it, the last one outermost."""
        for armed in rules:
            answer = self._guarded(answer, armed)
        return answer

    def _guarded(self, inner: Answer, armed: "_Armed") -> Answer:
        """The answer with one rule around it."""

        async def answer(call: Call) -> Reply:
            if getattr(armed.rule, "of_streams", False) and not call.body.get("stream"):
                return await inner(call)
            with self._lock:
                lets_through = armed.matching.lets_through(call.level)
            if not lets_through:
                return await inner(call)
            return await _Firing(armed, inner, self._note).play(call)

        return answer

    async def _honest(self, call: Call) -> Reply:
        """The honest answer, as the innermost of a stack of rules."""
        if self._thinks is not None:
            await self._thinks()
        return honest_reply(call)

    def _note(self, armed: "_Armed", call: Call) -> None:
        """Record one firing, with the run and with the call."""
        self._witness.shaped(call.ordinal, armed.fault)
        if not armed.tells:
            self._fired(
                armed.fault, f"provider call {call.ordinal} ({call.level}, request {call.request_id})"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Armed:
    """A rule that is in place, with the count of the calls that it has matched."""

    fault: str
    rule: Rule
    matching: Matching
    on_wire: bool
    tells: bool


class _Firing:
    """One call in the hands of one rule, watched for the moment in which the rule acts."""

    def __init__(self, armed: _Armed, inner: Answer, note: Callable[[_Armed, Call], None]) -> None:
        self._armed = armed
        self._inner = inner
        self._note = note
        self._noted = False
        self._passing = False
        self._got: Reply | None = None

    async def play(self, call: Call) -> Reply:
        """Run the rule on the call."""
        # A rule that is still there one turn of the loop later, and has not asked for the answer, holds the call up.
        watch = asyncio.get_running_loop().call_soon(self._act, call)
        try:
            reply = await self._armed.rule(call, self._answer)
        except BaseException:  # a rule that raises, or is cancelled while it holds the call up, has acted
            self._act(call)
            raise
        finally:
            watch.cancel()
        if reply is not self._got:
            self._act(call)
        return reply

    async def _answer(self, call: Call) -> Reply:
        """What lies inside the rule."""
        self._passing = True
        got = self._got = await self._inner(call)
        self._passing = False  # where this is cancelled it stays True: the rule never came to act
        return got

    def _act(self, call: Call) -> None:
        """Note the firing, once, unless what is seen is only the rule's waiting for what lies inside it."""
        if not (self._passing or self._noted):
            self._noted = True
            self._note(self._armed, call)

"""The clients of a run, as a fault meets them (`harness.rig.ClientSeam`): rules are stacked around each turn's sending.

The last rule entered stands outermost, and rules are taken away in any order. A turn that is under way when a rule
comes or goes is not changed by that.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import orjson

from harness.history import IDEMPOTENCY_KEY, Exchange
from harness.rig import LEFT, ClientRule, Incoming, Matching, Outgoing, Window
from harness.scenario import CANARY
from harness.targets.events import EVENT_STREAM
from harness.targets.exchanging import KEPT_BYTES_MAX, REQUEST_ID, Exchanges, Said, Sent
from harness.targets.template import TurnTemplate

CAPITALS = "BCDFGHJKLMNPQRSTVWXZ"

Send = Callable[[Outgoing, float | None], Awaitable[Incoming]]


class Words:
    """Words that exist once in a run and in no dictionary; what is drawn for one purpose shifts no other's."""

    def __init__(self, purpose: str, seed: int) -> None:
        self._stream = random.Random(f"{purpose}-{seed}")

    def new(self) -> str:
        """One more."""
        return "".join(self._stream.choices(CAPITALS, k=12))


class Clients:
    """The clients' seam of one run, and who sends its turns."""

    def __init__(self, exchanges: Exchanges, template: TurnTemplate, *, seed: int) -> None:
        self.exchanges = exchanges
        self.template = template
        self.words = Words("beside", seed)
        self._random = random.Random(f"clients-{seed}")
        self._rules: tuple[_Armed, ...] = ()
        self._beside = 0

    @asynccontextmanager
    async def wrapped(
        self, fault: str, rule: ClientRule, window: Window, *, tells: bool = False
    ) -> AsyncIterator[None]:
        """Put `rule` around the turns that `window` lets through; each one that it changes is a firing.

        A rule has changed a turn when it sends anything beside it, sends it otherwise than it was, holds it up, goes
        away before its answer, or gives another answer than the one that came. One that `tells` says so itself.
        """
        armed = _Armed(fault, rule, Matching(window, random.Random(self._random.random())), tells)
        self._rules = (*self._rules, armed)
        try:
            yield
        finally:
            self._rules = tuple(other for other in self._rules if other is not armed)

    async def turn(
        self,
        outgoing: Outgoing,
        said: Said,
        *,
        step: int,
        session_id: str | None,
        leave_after_s: float | None = None,
    ) -> Exchange:
        """Send one turn through the rules, and record what was sent in its name, and what came back."""
        exchanges, began_s = self.exchanges, self.exchanges.recorder.now()
        held: list[Sent] = []

        async def send(outgoing: Outgoing, leave_after_s: float | None) -> Incoming:
            held.append(await exchanges.sent(outgoing, leave_after_s=leave_after_s))
            return held[-1].incoming

        around: Send = send
        for armed in self._rules:
            if armed.matching.lets_through():
                around = self._guarded(around, armed, _Held(said, step, session_id))
        incoming = await around(outgoing, leave_after_s)
        last = held[-1] if held else Sent(outgoing, incoming, began_s, exchanges.recorder.now())
        return exchanges.noted(replace(last, incoming=incoming), step=step, role="turn", said=said)

    def _guarded(self, inner: Send, armed: "_Armed", turn: "_Held") -> Send:
        """The sending with one rule around it."""

        async def send(outgoing: Outgoing, leave_after_s: float | None) -> Incoming:
            return await _Applied(self, armed, inner, turn, outgoing).play(leave_after_s)

        return send

    def label(self) -> str:
        """A label for a session in which a request beside the turns begins."""
        self._beside += 1
        return f"beside{self._beside}"


@dataclass(frozen=True, slots=True, eq=False)
class _Armed:
    """A rule that is in place, with the count of the turns that it has matched."""

    fault: str
    rule: ClientRule
    matching: Matching
    tells: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """A turn that is being held: what it says, in which step, and the id of its session, where that has one by now."""

    said: Said
    step: int
    session_id: str | None


class _Applied:
    """One turn in the hands of one rule (`harness.rig.Client`), watched for the moment in which the rule acts."""

    def __init__(
        self,
        clients: Clients,
        armed: _Armed,
        inner: Send,
        turn: _Held,
        given: Outgoing,
    ) -> None:
        self.address = clients.exchanges.address
        self.message = turn.said.message or ""
        self.session_id = turn.session_id
        self._clients = clients
        self._armed = armed
        self._inner = inner
        self._turn = turn
        self._given = given
        self._leave_after_s: float | None = None
        self._got: Incoming | None = None
        self._is_sending = False
        self._has_acted = False
        self._others: dict[bytes, Said] = {}

    async def play(self, leave_after_s: float | None) -> Incoming:
        """Run the rule on the turn, whose client goes away after so long."""
        self._leave_after_s = leave_after_s
        # A rule that is still there one turn of the loop later, and has not sent the turn, holds it up.
        watch = asyncio.get_running_loop().call_soon(self._held_up)
        try:
            incoming = await self._armed.rule(self._given, self)
        finally:
            watch.cancel()
        if incoming is not self._got:
            self._act()
        return incoming

    async def send(self, outgoing: Outgoing, *, leave_after_s: float | None = None) -> Incoming:
        """Send the turn's own request; with `leave_after_s` the client goes away after so long."""
        self._is_sending = True
        if outgoing != self._given:
            self._act()
        times = [seconds for seconds in (leave_after_s, self._leave_after_s) if seconds is not None]
        self._got = await self._inner(outgoing, min(times, default=None))
        if leave_after_s is not None and self._got.error == LEFT:
            self._act()
        return self._got

    async def beside(
        self, outgoing: Outgoing, *, expected: tuple[int, ...], leave_after_s: float | None = None
    ) -> Incoming:
        """Send another request under an id of its own, and record it.

        One that has been given an id is sent under that, and is known by the id that is answered.
        """
        self._act()
        exchanges, said = self._clients.exchanges, self._said_by(outgoing)
        has_own_id = outgoing.headers.get(REQUEST_ID) != self._given.headers[REQUEST_ID]
        if not has_own_id:
            outgoing = _under(outgoing, exchanges.next_id())
        sent = await exchanges.sent(outgoing, leave_after_s=leave_after_s)
        if has_own_id and (answered := sent.incoming.headers.get(REQUEST_ID)):
            sent = replace(sent, outgoing=_under(outgoing, answered))
        tag, step = self._armed.fault, self._turn.step
        exchanges.noted(sent, step=step, role="beside", said=said, expected=expected, fault=tag)
        return sent.incoming

    def another(self, message: str, *, session: str | None = None, key: str | None = None) -> Outgoing:
        """Another turn than the given one, for `beside`; `{canary}` in the message is a word that exists once.

        Where `session` is None it belongs to the same session, if that has an id by now, else to the one of that id,
        which is a new one where it is empty. `key` is its idempotency key, if any.
        """
        clients, template, own_id = self._clients, self._clients.template, self._turn.session_id
        canary = clients.words.new() if CANARY in message else None
        text = message.replace(CANARY, canary or "")
        is_same = session is None and own_id is not None
        label = self._turn.said.session if is_same else clients.label()
        chosen = None if template.session else clients.words.new()
        session_id = own_id if session is None else session or chosen
        asks_for_stream = self._given.headers.get("accept") == EVENT_STREAM
        body = orjson.dumps(template.render(text, session_id, stream=asks_for_stream))
        self._others[body] = Said(session=label, message=text[:KEPT_BYTES_MAX], canary=canary)
        headers = {name: value for name, value in self._given.headers.items() if name != IDEMPOTENCY_KEY}
        return replace(self._given, headers=headers | ({IDEMPOTENCY_KEY: key} if key else {}), body=body)

    def _said_by(self, outgoing: Outgoing) -> Said:
        """What a request says, by its body; the given turn again, without a key, opens its session once more."""
        said = self._turn.said
        if outgoing.body != self._given.body:
            return self._others.get(outgoing.body) or Said(session=self._clients.label())
        is_same = self._turn.session_id is not None or IDEMPOTENCY_KEY in outgoing.headers
        return said if is_same else replace(said, session=self._clients.label())

    def _held_up(self) -> None:
        """Note a rule that has not begun to send."""
        if not self._is_sending:
            self._act()

    def _act(self) -> None:
        """Note what was seen of the rule, unless it tells by itself."""
        if not self._armed.tells:
            self.fired()

    def fired(self) -> None:
        """Note the firing, once."""
        if not self._has_acted:
            self._has_acted = True
            detail = f"turn {self._given.headers[REQUEST_ID]} of session {self._turn.said.session}"
            self._clients.exchanges.recorder.fired(self._armed.fault, detail)


def _under(outgoing: Outgoing, request_id: str) -> Outgoing:
    """The request under an id."""
    return replace(outgoing, headers={**outgoing.headers, REQUEST_ID: request_id})

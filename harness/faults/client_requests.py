"""Requests that are too large, broken, or strange, each beside a turn that must be answered as if there had been none."""

import re
from dataclasses import dataclass, replace

from harness.faults.base import closed
from harness.faults.client_base import HELD, ODD_ID, ONCE, REFUSED, STAND_IN, TAKEN, ClientFault, long_header
from harness.faults.client_holds import id_replaced, not_logged, too_large
from harness.registry import Invariant, fault
from harness.rig import Client, Clock, Incoming, Outgoing, Window, check
from harness.variants import chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preceded(ClientFault):
    """A fault that sends a stranger's request, and then the turn."""

    def _first(self, outgoing: Outgoing, client: Client) -> tuple[Outgoing, tuple[int, ...]]:
        """What comes first, and what may be answered to it."""
        raise NotImplementedError  # each fault has its own: this class is none by itself

    async def _sent(self, outgoing: Outgoing, client: Client, clock: Clock) -> Incoming:  # noqa: ARG002  # no time is needed
        first, expected = self._first(outgoing, client)
        await client.beside(first, expected=expected)
        return await client.send(outgoing)


@fault("client.huge_body", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHugeBody(_Preceded):
    """A message of `size_bytes`: refused with 413 where a limit is promised, and never the end of the service."""

    size_bytes: int = 500_000
    window: Window = ONCE

    def __post_init__(self) -> None:
        check("size_bytes", self.size_bytes, 1000, 1_000_000_000)

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """A body above the promised limit is refused with 413."""
        return (too_large(self.name, self.size_bytes),)

    def _first(self, outgoing: Outgoing, client: Client) -> tuple[Outgoing, tuple[int, ...]]:  # noqa: ARG002  # it is a stranger's
        return client.another("x" * self.size_bytes, session=""), TAKEN


@fault("client.garbage_body", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientGarbageBody(_Preceded):
    """A body that is none: refused with 4xx, or at the most taken for a text; never 500.

    `form` puts in place of the message: `bad_utf8` (bytes that no UTF-8 has), `nan` (no JSON, and Python reads it),
    `deep_nesting` (lists in lists, 100 000 deep), `wrong_type` (an object); `truncated_json` ends in the middle.
    """

    form: str = chosen("bad_utf8", "nan", "deep_nesting", "wrong_type", "truncated_json")
    window: Window = ONCE

    def __post_init__(self) -> None:
        closed(self, "form")

    def _first(self, outgoing: Outgoing, client: Client) -> tuple[Outgoing, tuple[int, ...]]:  # noqa: ARG002  # it is a stranger's
        sound = client.another(STAND_IN, session="")
        if self.form == "truncated_json":
            return replace(sound, body=sound.body[: len(sound.body) // 2]), REFUSED
        value = {
            "bad_utf8": b'"\xc3\x28 \xff\xfe"',
            "nan": b"NaN",
            "deep_nesting": b"[" * 100_000 + b"]" * 100_000,
            "wrong_type": b'{"text": ["no text"]}',
        }[self.form]
        body = re.sub(rb'"[^"]*%b[^"]*"' % STAND_IN.encode(), lambda _: value, sound.body)
        # Who takes any value for a text may hold the turn: that is lenient, and no fault.
        lenient = HELD if self.form in ("nan", "wrong_type") else ()
        return replace(sound, body=body), (*lenient, *REFUSED)


@fault("client.poison", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPoison(_Preceded):
    """A sound request whose message is not what a careless program expects of a text; it is held, or refused.

    `form` is `surrogate` (half a character, escaped), `nul`, `right_to_left` (controls that turn the text round),
    `long_line` (20 000 letters without a blank), `placeholders` (what a formatter or a template would fill in) or
    `new_lines` (what would be a record of its own in a log).
    """

    form: str = chosen("surrogate", "nul", "right_to_left", "long_line", "placeholders", "new_lines")
    window: Window = ONCE

    def __post_init__(self) -> None:
        closed(self, "form")

    def _first(self, outgoing: Outgoing, client: Client) -> tuple[Outgoing, tuple[int, ...]]:  # noqa: ARG002  # it is a stranger's
        sound = client.another(f"Please look at {STAND_IN} for me.", session="")
        text = {
            "surrogate": rb"\ud83d",
            "nul": rb"a\u0000b",
            "right_to_left": "\u202eabc\u2066def".encode(),
            "long_line": b"x" * 20_000,
            "placeholders": b"%s %(name)s {} {0.__class__} {{7*7}} ${HOME}",
            "new_lines": rb"\r\n\r\n{\"event\": \"forged\"}\n",
        }[self.form]
        return replace(sound, body=sound.body.replace(STAND_IN.encode(), text)), (*HELD, *REFUSED)


@fault("client.header_abuse", needs=())
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHeaderAbuse(_Preceded):
    """A sound turn under headers that are none: it is held, or refused, and what they say gets nowhere.

    `form` is `huge` (a header of `size_bytes`), `content_type` (a type that the body is not), `request_id_huge` or
    `request_id_odd` (an id of `size_bytes`, and one of tabs, quotes, and what a log could take for its own).
    """

    form: str = chosen("huge", "content_type", "request_id_huge", "request_id_odd")
    size_bytes: int = 20_000
    window: Window = ONCE

    def __post_init__(self) -> None:
        closed(self, "form")
        check("size_bytes", self.size_bytes, 1, 10_000_000)

    @property
    def holds(self) -> tuple[Invariant, ...]:
        """An id that is none is replaced, and what was too long is cut."""
        return (id_replaced, not_logged(self.size_bytes))

    def _first(self, outgoing: Outgoing, client: Client) -> tuple[Outgoing, tuple[int, ...]]:  # noqa: ARG002  # it is a stranger's
        sound = client.another("Hello from {canary}.", session="")
        long = long_header(self.size_bytes)
        abused = {
            "huge": {"x-padding": long},
            "content_type": {"content-type": "image/png"},
            "request_id_huge": {"x-request-id": long},
            "request_id_odd": {"x-request-id": ODD_ID},
        }[self.form]
        return replace(sound, headers={**sound.headers, **abused}), (*HELD, *REFUSED)

"""A reply in pieces: what a link that is shaped leaves of it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from harness.rig import Reply
from harness.wire import Part, Pause, Raw

FOR_EVER = Pause(for_s=math.inf)


def parts_of(reply: Reply) -> tuple[Part, ...]:
    """The parts of a reply; the body of one that has none is its only one."""
    return reply.parts or (reply.body,)


def in_parts(reply: Reply, parts: Iterable[Part]) -> Reply:
    """The reply in other parts; a body that was whole announces its length."""
    headers = reply.headers if reply.parts else {"content-length": str(len(reply.body)), **reply.headers}
    return replace(reply, headers=headers, parts=tuple(parts))


def cut_off(parts: Iterable[Part], left: int) -> Iterator[Part]:
    """The parts up to so many bytes."""
    for part in parts:
        if isinstance(part, bytes | Raw):
            size = len(part if isinstance(part, bytes) else part.data)
            if size > left:
                yield from [part[:left]] if left and isinstance(part, bytes) else []
                return
            left -= size
        yield part


def sliced(parts: Iterable[Part], chunk_bytes: int, gap_s: float) -> Iterator[Part]:
    """The parts with their bytes in pieces of so many, and a pause between any two."""
    pause = (Pause(for_s=gap_s),) if gap_s else ()
    for part in parts:
        if not isinstance(part, bytes):
            yield part
            continue
        pieces = [part[at : at + chunk_bytes] for at in range(0, len(part), chunk_bytes)]
        yield from pieces[:1]
        yield from chain.from_iterable((*pause, piece) for piece in pieces[1:])


def head_bytes(reply: Reply) -> int:
    """How long the head of a reply is on a wire, its phrase left out; one of status 0 has none."""
    if not reply.status:
        return 0
    lengths = [len(name) + len(text) + len(": \r\n") for name, text in reply.headers.items()]
    if "content-length" not in reply.headers:
        lengths.append(len("transfer-encoding: chunked\r\n" if reply.parts else "content-length: 000\r\n"))
    return len("HTTP/1.1 200 \r\n\r\n") + sum(lengths)

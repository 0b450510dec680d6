"""Server-sent events, read and written: any cut of the bytes gives the same events, and only what has ended is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_app.events import EventReader, event, is_stream


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes in pieces, cut at the places (modulo their number)."""
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def read(pieces: list[bytes]) -> list[bytes]:
    """The events that are found in the pieces."""
    reader = EventReader()
    return [found for piece in pieces for found in reader.feed(piece)]


@given(
    st.lists(st.sampled_from([b"data: a", b"data:\xc3\xa9", b"data", b": note", b"id: 1", b"", b"x"])),
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=1),
    st.lists(st.integers(min_value=0, max_value=1000)),
)
def test_any_cut_gives_the_same_events(lines: list[bytes], ends: list[bytes], places: list[int]) -> None:
    """Cut between two bytes anywhere, within a line's end too, a stream has the events that it has in one piece."""
    data = b"".join(line + ends[number % len(ends)] for number, line in enumerate(lines))
    plain = b"".join(line + b"\n" for line in lines)
    assert read(cut(data, places)) == read([data])
    assert read(cut(plain, places)) == [
        b"\n".join(line.partition(b":")[2].removeprefix(b" ") for line in block) for block in blocks(lines)
    ]


def blocks(lines: list[bytes]) -> list[list[bytes]]:
    """The `data` lines of each event that is ended by a blank line."""
    found: list[list[bytes]] = []
    data: list[bytes] = []
    for line in lines:
        if line.startswith(b"data"):
            data.append(line)
        elif not line and data:
            found.append(data)
            data = []
    return found


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\ndata:  a\n\n\n\ndata: b\r\r", [b" a", b"b"]),
        (b"data: a\n", []),
        (b"data: [DONE]", []),
        (b": keep\n\nid: 3\n\n", []),
    ],
)
def test_an_event_is_ended_by_a_blank_line(data: bytes, events: list[bytes]) -> None:
    """Lines of data are joined, comments and other fields are nothing, and what is not ended is not there."""
    assert read([data]) == events
    assert read([bytes([byte]) for byte in data]) == events


def test_what_is_written_is_read_again() -> None:
    """An event that we write has a name and its data on one line."""
    written = event("chunk", b'{"text":"a"}')
    assert written == b'event: chunk\ndata: {"text":"a"}\n\n'
    assert read([written]) == [b'{"text":"a"}']


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"content-type", b"text/event-stream; charset=utf-8")], True),
        ([(b"content-type", b"application/json")], False),
        ([(b"x-note", b"text/event-stream")], False),
        ([], False),
    ],
)
def test_a_stream_is_known_by_its_content_type(headers: list[tuple[bytes, bytes]], found: bool) -> None:
    """Only the content type says that an answer is a stream of events."""
    assert is_stream(headers) is found

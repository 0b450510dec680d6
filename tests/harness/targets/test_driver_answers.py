"""What stands in an answer: events of a stream, and what a pointer finds in them or in a plain body."""

from typing import Any

import pytest

from harness.rig import Incoming
from harness.targets.events import Answered, events
from harness.targets.pointers import pointed


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'data: {"a": 1}\n\n', [("message", {"a": 1})]),
        (b"event: done\r\ndata: one\r\ndata: two\r\n\r\n", [("done", "one\ntwo")]),
        (b"\xef\xbb\xbfdata:tight\r\r: a comment\n\nid: 7\nretry: 5\n\n", [("message", "tight")]),
        (b"data:  one blank of two \n\n", [("message", " one blank of two ")]),
        (b"event: lost\n\ndata: kept\n\n", [("message", "kept")]),
        (b"data\n\ndata: [DONE]\n\n", [("message", ""), ("message", "[DONE]")]),
        (b"data: whole\n\ndata: cut", [("message", "whole")]),
        (b"data: whole\n\ndata: cut\n", [("message", "whole")]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, expected: list[tuple[str, Any]]) -> None:
    """Data lines are joined, names last for one event, comments are no events, and what is cut off is none."""
    assert [(one["event"], one["data"]) for one in events(stream)] == expected


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a/0/b", "first"),
        ("/a/1", "second"),
        ("/a/2", None),
        ("/a/-", None),
        ("/a/00", None),
        ("/x~1y/~0", "escaped"),
        ("/~01", "tilde one"),
        ("/", "empty key"),
        ("/a/0/b/c", None),
        ("/nothing", None),
    ],
)
def test_a_pointer_goes_through_objects_and_lists(pointer: str, expected: str | None) -> None:
    """RFC 6901: indexes of lists, ~1 for a slash and ~0 for a tilde; what is not there is None."""
    document = {
        "a": [{"b": "first"}, "second"],
        "x/y": {"~": "escaped"},
        "~1": "tilde one",
        "": "empty key",
    }
    assert pointed(document, pointer) == expected


def streamed(*parts: bytes) -> Answered:
    """An answer as a stream."""
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return Answered.of(Incoming(status=200, headers=headers, body=b"".join(parts)))


def test_the_pieces_of_a_reply_are_joined() -> None:
    """A stream as OpenAI has it: the pieces in all events are the reply, and [DONE] is no part of it."""
    answered = streamed(
        b'data: {"id": "c1", "choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n',
        b'data: {"id": "c1", "choices": [{"delta": {"content": "Good "}}]}\n\n',
        b'data: {"id": "c1", "choices": [{"delta": {"content": "day"}}]}\n\n',
        b'data: {"id": "c1", "choices": [{"delta": {}}]}\n\ndata: [DONE]\n\n',
    )
    assert answered.reply("/choices/0/delta/content") == "Good day"
    assert answered.first("/id") == "c1"


def test_an_event_with_the_whole_is_taken_for_the_reply() -> None:
    """Where a last event of another name, or with what the pieces said, holds the text, it is not joined to them."""
    pieces = b'data: {"text": "Good "}\n\ndata: {"text": "day"}\n\n'
    named = streamed(pieces, b'event: done\ndata: {"text": "Good day!", "sid": 7}\n\n')
    again = streamed(pieces, b'data: {"text": "Good day"}\n\n')
    assert (named.reply("/text"), again.reply("/text")) == ("Good day!", "Good day")
    assert named.first("/sid") == 7


def test_what_is_no_text_is_no_reply() -> None:
    """A number or nothing at the pointer is no reply; an empty text is an empty one."""
    plain = Answered.of(Incoming(status=200, body=b'{"text": "", "n": 1}'))
    assert [plain.reply(pointer) for pointer in ("/text", "/n", "/none")] == ["", None, None]
    assert Answered.of(Incoming(status=200)).body is None
    assert Answered.of(Incoming(status=200, body=b"no \xff JSON")).body == "no \ufffd JSON"

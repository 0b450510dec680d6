"""The reader of an object that is still being written: any split gives what the whole gives, and nothing is made up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_app.partial_json import PartialObject

KEYS = ("intent", "confidence", "reply")


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces, cut at the places (modulo its length)."""
    at = sorted({place % (len(text) + 1) for place in places})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def read(pieces: list[str]) -> tuple[str, dict[str, object]]:
    """What was read of the reply, and the other values."""
    reader = PartialObject(keys=frozenset({"intent", "confidence"}), text="reply")
    return "".join([reader.feed(piece) for piece in pieces]), reader.fields


def is_text(value: object) -> bool:
    """False with half of a surrogate pair in it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in json.dumps(value, ensure_ascii=False))


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An object with its keys in any order, as JSON with blanks and escapes of any kind."""
    values = {
        "intent": draw(st.text(max_size=8)),
        "confidence": draw(st.floats() | st.integers() | st.booleans() | st.none()),
        "reply": draw(st.text(max_size=40)),
    }
    keys = draw(st.permutations(KEYS))
    ascii_only, blanks = draw(st.booleans()), draw(st.sampled_from([None, 1, "\t"]))
    text = json.dumps({key: values[key] for key in keys}, ensure_ascii=ascii_only, indent=blanks)
    if draw(st.booleans()):
        text = text.replace("/", "\\/")
    return text, values


PLACES = st.lists(st.integers(min_value=0, max_value=10_000), max_size=40)


@given(objects(), PLACES)
def test_any_split_gives_what_the_whole_gives(made: tuple[str, dict[str, Any]], places: list[int]) -> None:
    """However the text is cut, within escapes too, reply and values are those of `json.loads`."""
    text, _ = made
    whole = json.loads(text, parse_int=float)
    reply, fields = read(cut(text, places))
    assert reply == whole["reply"]
    # By repr, for NaN is not itself.
    assert repr(sorted(fields.items())) == repr(sorted((key, whole[key]) for key in KEYS if key != "reply"))


@given(objects(), st.integers(min_value=0, max_value=10_000))
def test_what_is_there_is_a_beginning_of_the_reply(made: tuple[str, dict[str, Any]], place: int) -> None:
    """Of a text that breaks off anywhere only a beginning of the reply is read, and only values that have ended."""
    text, values = made
    reply, fields = read([text[: place % len(text)]])
    assert values["reply"].startswith(reply)
    if "intent" in fields:
        assert fields["intent"] == values["intent"]


@given(objects(), PLACES, st.integers(min_value=0, max_value=10_000), st.sampled_from('"\\{}:,u0d8 a\x00'))
def test_a_damaged_text_reads_alike_however_it_is_cut(
    made: tuple[str, dict[str, Any]], places: list[int], place: int, damage: str
) -> None:
    """With a character replaced anywhere the pieces still give what the whole gives; what `json.loads` takes is read."""
    at = place % len(made[0])
    text = made[0][:at] + damage + made[0][at + 1 :]
    read_whole = read([text])
    assert repr(read(cut(text, places))) == repr(read_whole)
    try:
        whole = json.loads(text, parse_int=float, object_pairs_hook=list)
    except ValueError:
        return
    # Half of a pair is no text: `json.loads` takes it, and the check of a whole answer does not.
    if isinstance(whole, list) and sorted(key for key, _ in whole) == sorted(KEYS) and is_text(whole):
        reply = dict(whole)["reply"]
        assert read_whole[0] == (reply if isinstance(reply, str) else "")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"reply":"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        ('{"reply":"a\\ud83dx"', "a"),
        ('{"reply":"a\\ud83d\\u0041"', "a"),
        ('{"reply":"a\\ude00"', "a"),
        ('{"reply":"a\\x"', "a"),
        ('{"reply":"a\\u00zz"', "a"),
        ('{"reply":"a\nb"', "a"),
        ('{"reply":"a","reply":"b"}', "a"),
        ('{"other":1,"reply":"a"}', ""),
        ('{"intent":["x"],"reply":"a"}', ""),
        ('{"confidence":01,"reply":"a"}', ""),
        ('{"reply":7}', ""),
        ('["reply"]', ""),
        ("{}", ""),
        ("\ufeff{", ""),
    ],
)
def test_what_is_no_such_object_ends_the_reading(text: str, reply: str) -> None:
    """Up to what cannot be read the text is given, and after it nothing more, whatever comes."""
    reader = PartialObject(keys=frozenset({"intent", "confidence"}), text="reply")
    assert "".join(reader.feed(letter) for letter in text) == reply
    assert reader.feed('","reply":"more"') == ""


@pytest.mark.parametrize(
    "text", ['{"reply":"ab\\', '{"reply":"ab\\u00', '{"reply":"ab\\ud83d', '{"reply":"ab\\ud83d\\ude']
)
def test_half_an_escape_is_not_shown(text: str) -> None:
    """Of an escape, or of a pair of them, that has only begun nothing is given yet."""
    assert read([text])[0] == "ab"


def test_a_value_counts_once_it_has_ended() -> None:
    """A number may go on in the next piece, so it is there only once something else follows it."""
    reader = PartialObject(keys=frozenset({"intent", "confidence"}), text="reply")
    reader.feed('{"confidence": 0.')
    assert reader.fields == {}
    reader.feed("9")
    assert reader.fields == {}
    reader.feed("5 ")
    assert reader.fields == {"confidence": 0.95}

"""What varies in a line is masked, and templates are counted in bounded memory."""

import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.logs.templates import MARK, TEMPLATE_CHARS_MAX, Templates, template


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("worker 12 of 4 is draining", "worker <*> of <*> is draining"),
        ("worker-7 took 1.5ms, not 20%", "worker-<*> took <*>ms, not <*>%"),
        ("at 2026-11-24T08:22:29,705Z or 08:22:29.7", "at <*> or <*>"),
        ("from 10.1.2.3:8000 to fe80::1", "from <*> to <*>"),
        ("GET /users/81f3a7c2/turns/17", "GET /users/<*>/turns/<*>"),
        ("id 2f1c1b0e-7d55-4c1e-9c3f-0a1b2c3d4e5f 0x7f3a deadbeef0", "id <*>"),
        ("session 9ZkAb3dE5fG7hI9jK1lM3nO5-_x is gone", "session <*> is gone"),
        ("cannot open 'a b' or \"c \\\" d\", don't", "cannot open <*> or <*>, don't"),
        ("rows [1, 2, 3] -5 1e9", "rows [<*>] <*>"),
        ('{"severity": "INFO", "n": 12}', '{"severity": <*>, "n": <*>}'),
        ("='a \"x'y\" b' z", "=<*> z"),
        ("nothing varies", "nothing varies"),
    ],
)
def test_what_varies_is_masked(line, masked):
    """Numbers, times, addresses, identifiers and quoted strings become marks; names, units and keys stay."""
    assert template(line) == masked


WORDS = st.sampled_from(["worker", "is", "gone,", "(at)", "/users/", "don't", "a=", "[", "]", ":", "id"])
NUMBERS = (
    st.integers(min_value=0).map(str)
    | st.integers(max_value=-1).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
)
IDENTIFIERS = st.uuids().map(str) | st.uuids().map(lambda value: f"0x{value.hex}")
TIMES = st.datetimes().map(str)
ADDRESSES = st.ip_addresses(v=4).map(str)
VARYING = NUMBERS | IDENTIFIERS | TIMES | ADDRESSES


@settings(deadline=None)
@given(st.data(), st.lists(WORDS | st.none(), max_size=60))
def test_lines_that_differ_in_what_varies_have_one_template(data, shape):
    """Two lines of the same words have the same template, whichever numbers, identifiers, times and addresses they hold."""
    first, second = (
        template(" ".join(data.draw(VARYING) if word is None else word for word in shape)) for _ in range(2)
    )
    assert first == second
    assert not set(first) & set(string.digits)


TANGLES = st.text(st.sampled_from("ab1 =[](){}<>'\"\\,:-_.|+\nTZ0f*5\u0663\xe9")) | st.text()


@settings(deadline=None, max_examples=300)
@given(st.lists(TANGLES, max_size=40).map("".join))
def test_the_template_of_a_template_is_itself(line):
    """Masking is idempotent on any text, and keeps to its length."""
    masked = template(line)
    assert template(masked) == masked
    assert len(masked) <= TEMPLATE_CHARS_MAX


@pytest.mark.parametrize(
    "unit", ['\\"', "a", "1.1", "'", '"', "a1b", "1, ", "a:", "\\", "' ", "a-", "1234-12-12 "]
)
def test_a_long_line_has_a_template(unit):
    """Megabytes of what might begin something come to an end, and the template keeps to its length."""
    for start in ("", '"', "'"):
        masked = template(start + unit * 2_000_000)
        assert 0 < len(masked) <= TEMPLATE_CHARS_MAX


@given(st.lists(st.sampled_from("aaaaaaaaaabbbbbccdefghijklmnop")))
def test_common_templates_are_kept_and_no_line_is_lost(lines):
    """Of four that are kept, each of more than a quarter of the lines is one; counts and the rest add up to all lines."""
    templates = Templates(4)
    for number, text in enumerate(lines, start=1):
        templates.add(text, number)
    found = templates.commonest()
    counts = Counter(lines)
    assert len(found) <= 4
    assert sum(one.count for one in found) + templates.rest == len(lines)
    assert all(0 < one.count <= counts[one.text] and lines[one.line - 1] == one.text for one in found)
    assert {text for text, count in counts.items() if count * 4 > len(lines)} <= {one.text for one in found}
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)


def test_the_first_line_of_a_template_is_told():
    """A template names the line in which it came first, and the commoner one comes first."""
    templates = Templates()
    for number, text in enumerate(["x", MARK, MARK], start=5):
        templates.add(text, number)
    assert [(one.text, one.count, one.line) for one in templates.commonest()] == [(MARK, 2, 6), ("x", 1, 5)]

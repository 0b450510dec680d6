"""A part of the fuzzing of logs, and that it sees what it is there to see."""

import random

import pytest

from harness.incidents import values
from harness.logs import text
from harness.logs.parser import Parser
from tests.fuzz import logs


def test_damaged_logs_are_read_without_loss():
    """Some ten thousand lines, damaged at random, are each in a record that can be stored, and counted right."""
    lines = number = 0
    while lines < 10_000:
        lines += logs.play(2026, number)[0]
        number += 1


def test_a_log_with_a_line_of_ten_megabytes_is_read_without_loss():
    """A line of ten megabytes of damaged text among others is read as any other line is."""
    lines, size = logs.play(2026, logs.LONG_EVERY - 1)
    assert lines >= logs.LINES_A_LOG
    assert size > 0.9 * logs.LONG_BYTES


def test_a_log_is_made_from_its_seed_and_number_alone():
    """The same seed and number make the same log, so that what was found can be played again."""
    first, again, other = (logs.log_of(random.Random(seed), long=False) for seed in ("1 2", "1 2", "1 3"))
    assert first == again
    assert first != other


def play_some():
    for number in range(20):
        logs.play(2026, number)


def lost(self, number, line):
    return None if number == 7 else ORIGINAL(self, number, line)


def misplaced(self, number, line):
    return ORIGINAL(self, number + 1, line)


def unstorable(self, number, line):
    record = ORIGINAL(self, number, line)
    if record is not None:
        record.fields.setdefault("kept", {1, 2})
    return record


ORIGINAL = Parser.feed


@pytest.mark.parametrize("mistake", [lost, misplaced, unstorable])
def test_a_mistake_of_the_parser_is_seen(monkeypatch, mistake):
    """A line that is dropped, one with a wrong number, and a record that cannot be stored are each misread."""
    monkeypatch.setattr(Parser, "feed", mistake)
    with pytest.raises(logs.Misread):
        play_some()


def test_a_number_that_no_trait_can_be_made_of_is_seen(monkeypatch):
    """A signature is made of one in many logs: where an infinite number breaks it, the log that did is found."""

    def broken(key, value):
        return str(int(value)) if isinstance(value, float) else "*"

    monkeypatch.setattr(values, "_scalar", broken)
    with pytest.raises((OverflowError, ValueError), match="cannot convert float"):
        play_some()


def test_a_mistake_of_the_reader_is_seen(monkeypatch):
    """Bytes that become other text than they should are misread."""
    monkeypatch.setattr(text, "_REPLACED", "?")
    with pytest.raises(logs.Misread, match="text"):
        play_some()

"""What stands on the terminal: the letters of a target's log, and none of its commands."""

from io import StringIO

import pytest
from rich.console import Console

from harness.reports.terminal import plain, show_run
from harness.verdict import ScenarioVerdict, Verdict, Violation


@pytest.mark.parametrize(("text", "shown"), [
    ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
    ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
    ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
    ("\udc80", r"\udc80"),
    ("Grüße, 世界", "Grüße, 世界"),
])  # fmt: skip
def test_what_is_not_printable_is_spelled_out(text: str, shown: str) -> None:
    """Commands, letters that turn the direction, line ends and half letters become escapes; all other letters stay."""
    assert plain(text) == shown


def test_violations_quote_without_commanding() -> None:
    """In reasons, messages and evidence of a run nothing reaches the terminal but letters."""
    text = "\x1b[2J\u202ex"
    violation = Violation(invariant="one", message=f"message {text}", evidence=f"evidence {text}")
    result = ScenarioVerdict(
        name="name", verdict=Verdict.FAILED, violations=(violation,), reasons=(f"reason {text}",)
    )
    stream = StringIO()
    show_run(Console(file=stream, width=120), [result])
    for word in ("reason", "message", "evidence"):
        assert rf"{word} \x1b[2J\u202ex" in stream.getvalue()
    assert all(letter.isprintable() or letter == "\n" for letter in stream.getvalue())

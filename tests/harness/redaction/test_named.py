"""What people wrote and what is secret behind a name, where no quotes say where it ends; and what only looks like it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.redaction import Redactor

HIDDEN = (
    *(
        f"ERROR:app:Received {name}: I have canary disease"
        for name in ("message", "query", "text", "content", "input", "response", "output")
    ),
    "ERROR:app:text: some canary disease",
    "ERROR:app:message: ['canary']",
    "ERROR:app:text: " + "canary" * 20,
    "ERROR:app:last turn was, user input: canary",
    *(
        f"built {name}='canary' ok"
        for name in ("response", "responses", "output", "outputs", "history", "chat", "said", "last_turn")
    ),
    "built conversation_history=[{'role': 'user', 'content': 'canary'}] n=1",
    "built history=['a canary it is'] n=1",
    '{"event": "built", "turns": [{"said": "canary"}], "n": 1}',
    *(
        f"sent {name}=canary to it"
        for name in ("api_keys", "api_tokens", "access_tokens", "tokens", "passwords", "pass")
    ),
    *(f"sent {name}=canary to it" for name in ("session_key", "session_keys", "auth_code", "signature")),
    "sent api_keys=[1, 'canary'] to it",
    "sent api_keys=first,canary to it",
    "sent tokens={'n': 1, 'one': 'canary'} to it",
    "GET /file?sig=canary&page=2",
    "GET https://store.example.org/file?X-Amz-Date=1&X-Amz-Signature=canary",
    "run --password canary --verbose",
    "run --api-key 'canary and more' --verbose",
)
STAYS = (
    "ERROR:app:message: refused",
    "ERROR:app:query: timed out",
    "ERROR:app:bad input: expected retry=3 n=1",
    '{"event": "bad input: expected", "level": "error"}',
    "no answer: ReadTimeout; 200 or 503 expected",
    "response: 500; has_history=false turn=first turns=4",
    "total_tokens=512 max_tokens: 100 tokens=12 tokens={'prompt': 12, 'completion': 7} used",
    'tokens={"prompt": 12} tokens=[1, 2.5] tokens=null',
    "invalid signature: expired; unexpected tokens: used",
    "error: --password is required; --max-tokens 100 --input TEXT --password --token",
    '{"messages":3,"has_history":false,"reply":null,"history": 12 }',
    "return_code=3 status_code=500 keys=4 foreign_keys=on",
    "From the log of an incident: provider.empty_answer(content=None)",
)


@pytest.mark.parametrize("line", HIDDEN)
def test_what_a_name_announces_is_gone(line: str) -> None:
    """Of a message or a secret nothing is left, whatever its name is and wherever it ends; the line begins as it did."""
    shown = Redactor().text(line)
    assert "canary" in line
    assert "canary" not in shown
    assert "[redacted:" in shown
    assert shown[:4] == line[:4]


@pytest.mark.parametrize(
    "line",
    [
        '{"user_message": "12, canary street"}',
        '{"user_message": "true, my name is canary"}',
        "{'prompt': 'null} canary'}",
    ],
)
def test_a_text_that_begins_like_a_count_is_a_text(line: str) -> None:
    """Only what stands outside of quotes is a number, or one of the words of JSON."""
    assert "canary" not in Redactor().text(line)


@pytest.mark.parametrize("line", STAYS)
def test_what_only_looks_like_it_stays(line: str) -> None:
    """A word or two behind a colon, counts of tokens, and what a command says of its options are evidence."""
    assert Redactor().text(line) == line


def test_a_message_in_a_line_of_json_ends_where_its_string_does() -> None:
    """Behind a sentence that a string holds the rest of the line is kept; a quote within the sentence does not end it."""
    line = '{"event": "received message: I have \\"canary\\", disease", "level": "error", "n": 1}'
    assert Redactor().text(line) == (
        '{"event": "received message: [redacted:message-1]", "level": "error", "n": 1}'
    )
    assert (
        Redactor().text('{"why": "bad input: it is a rash"}') == '{"why": "bad input: [redacted:message-1]"}'
    )
    assert (
        Redactor()
        .text("app log line 3: " + line)
        .endswith('[redacted:message-1]", "level": "error", "n": 1}')
    )
    assert "rash" not in Redactor().text(
        'received message: I said "no", "why": a rash, and {"a": "b", "c": "rash"}'
    )


def test_names_of_fields_hide_what_names_in_texts_do() -> None:
    """In values, too: words of a conversation and secrets by the plural go, their numbers and roles stay."""
    value = {
        "turns": [{"said": "canary", "role": "user", "n": 1}],
        "history": [{"content": "canary"}],
        "api_keys": ["canary"],
        "passwords": {"ann": "canary"},
        "tokens": {"prompt": 12, "cached": [1, 2]},
        "usage": {"total_tokens": 512, "refresh_tokens": "canary"},
    }
    shown = Redactor().value(value)
    assert "canary" not in repr(shown)
    assert shown["turns"] == [{"said": "[redacted:message-1]", "role": "user", "n": 1}]
    assert shown["tokens"] == value["tokens"]
    assert shown["usage"]["total_tokens"] == 512


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "message: ",
            "message: message: ",
            "text: [",
            "text:[",
            "input: (",
            "input:{",
            "query: 'a' ",
            "no text: ",
        ),
        *(
            "msg=a ",
            "tokens=[1,",
            "tokens: ",
            "api_keys=a,",
            "token: [",
            "--password ",
            "--token a ",
            'text: a"]}',
        ),
    ],
)
def test_a_hostile_line_of_half_a_megabyte_is_read(piece: str) -> None:
    """However often a name stands in a line, what is behind it is looked at once: square work would never end."""
    line = "it is " + piece * (500_000 // len(piece))
    assert Redactor().text(line)
    assert Redactor().text(line, event=line)


PIECES = st.sampled_from(
    [
        *(
            "message",
            "text",
            "last_turn",
            "tokens",
            "api_keys",
            "pass",
            "--password",
            "user",
            "no",
            "a",
            "rash",
        ),
        *(
            ": ",
            ":",
            "=",
            " ",
            " ",
            ",",
            '"',
            "'",
            '", "n": ',
            '"}',
            "[",
            "]",
            "(",
            "\\",
            "\n",
            "12",
            "a@b.com",
        ),
        "[redacted:message-1]",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_redacted_is_not_redacted_again(text: str) -> None:
    """Redaction is idempotent here, too: by the same redactor, and by one that has never seen the text."""
    once = Redactor().text(text)
    assert Redactor().text(once) == once
    redactor = Redactor()
    assert redactor.text(redactor.text(text)) == once

"""Secrets are redacted wherever they stand, the same one by the same mark, and what is no secret is left alone."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.history import Exchange, History
from harness.logs import parse
from harness.redaction import Redactor, Rules, configured, rules

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-x"
SECRETS = {
    "bearer": ('{"headers": "Authorization: Bearer s3cr3tB3arerV4lue=="}', "s3cr3tB3arerV4lue"),
    "basic": ("sent Basic YWxpY2U6aHVudGVyMg== to it", "YWxpY2U6aHVudGVyMg"),
    "jwt": (f"verified {JWT} of nobody", "eyJzdWIiOiIxMjM0In0"),
    "cut jwt": ("verified eyJhbGciOiJIUzI1NiJ9.eyJzd", "eyJzd"),
    "provider key": ("Incorrect API key provided: sk-proj-abcdEFGH12345678.", "abcdEFGH12345678"),
    "cloud key": ("using AKIAIOSFODNN7EXAMPLE for it", "IOSFODNN7"),
    "forge token": ("cloned with ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdef"),
    "named key": ("OPENAI_API_KEY=9f86d081884c7d659a2feaa0c55ad015 used", "9f86d081884c"),
    "camel case": ('{"clientSecret": "tiger", "n": 1}', "tiger"),
    "escaped JSON": (r'{"event": "sent {\"password\": \"hunter2 and more\"}"}', "hunter2 and more"),
    "dotted name": ("config.db.password: hunter2", "hunter2"),
    "cookie header": ("Cookie: sid=abc123; theme=darkest", "darkest"),
    "set-cookie": ("'set-cookie': 'sid=abc123; Path=/'", "abc123"),
    "raw headers": ("[(b'x-api-key', b'opaque-value'), (b'host', b'x')]", "opaque-value"),
    "e-mail": ("reset for jane.doe+x@mail.example.org.", "jane.doe"),
    "address": ("postgres://app:p@ss%20w0rd@db.internal:5432/app", "ss%20w0rd"),
    "address, name only": ("cloned https://s3cr3tname@git.internal/x", "s3cr3tname"),
    "query": ("GET /turn?token=abc-123&page=2 HTTP/1.1", "abc-123"),
    "card": ("paid with 4111 1111 1111 1111 200 OK", "1111 1111"),
    "plain card": ("card=4111111111111111 200", "4111111111111111"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    "message in JSON": ('{"event": "turn", "user_input": "my \\"secret\\" wish", "n": 1}', "wish"),
    "message in pairs": ("turn_begun user_input=I have a rash status=200", "rash"),
    "message in brackets": ("calling messages=[{'role': 'user', 'content': 'a ] rash'}] model=x", "rash"),
    "cut value": ('{"event": "x", "password": "hunter2 and no en', "hunter2"),
    "hash of names": ("password_hash='$2b$12$abcdefgh' ok", "abcdefgh"),
    "header of letters": ("sent X-Api-Key: CANARYkey to it", "CANARYkey"),
    "camel case of letters": ("sent apiKey: CANARYkey to it", "CANARYkey"),
    "message of a user": ("User message: I have a rash", "rash"),
    "prompt in a sentence": ("calling with prompt: I have a rash", "rash"),
    "validation": ("[type=string_type, input_value='I have a rash', input_type=str]", "rash"),
    **{
        f"name {name}": (f'{{"event": "turn", "{name}": "I have a rash"}}', "rash")
        for name in (
            *("query", "q", "body", "request_body", "user_msg", "last_message", "chat_message"),
            *("user_content", "latest_user_message", "utterances", "searchQuery", "reply_raw"),
        )
    },
}
HARMLESS = (
    "prompt_tokens=12 completion_tokens=40 max_tokens: 100 token_count=3",
    "Unexpected token: expired",
    "no API key was given; Bearer authentication failed",
    "elapsed 0.4111111111111111 s at 1764282600123456789, request 4111111111111112",
    "http://127.0.0.1:8000/turn?page=2 user@ @dataclass a@b",
    '{"password": null, "has_token": true, "session_id": "5a16faf418ce"}',
    "content-type: text/plain; content-length: 12",
    "the message: not found",
    "invalid token: expired; last answer: 200",
    "error_message=refused status_text=Gone content_type=x text_length=12 query_ms=3 message_count=2",
    "app.message.store INFO event=bridge_replaced logger=a.b.body_reader path=/queries/reply",
)


@pytest.mark.parametrize(("line", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_gone_and_the_line_is_not(line, secret) -> None:
    """Of each planted secret nothing is left; the line has a mark in its place, and its first word."""
    redacted = Redactor().text(line)
    assert secret in line
    assert secret not in redacted
    assert "[redacted:" in redacted
    assert redacted[0] == line[0] or redacted.startswith("[redacted:key-1]")


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_stays(line) -> None:
    """Counts of tokens, prose about secrets, times and plain addresses are evidence, and stay as they are."""
    assert Redactor().text(line) == line


def test_what_stands_around_a_secret_stays() -> None:
    """Only the secret is replaced: names, quotes, hosts and the rest of the line stay."""
    redactor = Redactor()
    assert redactor.text("postgres://app:x@db:5432/a?password=y&z=1") == (
        "postgres://[redacted:url-1]@db:5432/a?password=[redacted:password-1]&z=1"
    )
    assert redactor.text("{'authorization': 'Bearer abcdef'}, to a@b.com.") == (
        "{'authorization': 'Bearer [redacted:authorization-1]'}, to [redacted:email-1]."
    )


def test_the_rest_of_a_line_stays_behind_a_list_of_messages_and_a_query() -> None:
    """A list of messages and a question in an address end where they end, however often is looked for more."""
    text = '{"messages": ["I have a rash"], "email": "a@b.com", "level": "error"}'
    assert Redactor().text(text) == (
        '{"messages": [redacted:message-1], "email": "[redacted:email-1]", "level": "error"}'
    )
    line = '"GET /find?q=my%20rash&page=2 HTTP/1.1" 404 Not Found'
    assert Redactor().text(line) == '"GET /find?q=[redacted:message-1]&page=2 HTTP/1.1" 404 Not Found'


def test_a_message_that_is_an_object_has_no_sentence_left() -> None:
    """A body holds sentences under names that nobody knows; words such as a role stay."""
    body = {"request_body": {"complaint": "I have a rash", "role": "user", "password": "two words"}}
    assert Redactor().value(body) == {
        "request_body": {
            "complaint": "[redacted:message-1]",
            "role": "user",
            "password": "[redacted:password-1]",
        }
    }


def test_the_same_secret_has_the_same_mark_in_all_of_a_document() -> None:
    """Two lines that speak of the same secret are seen to, whatever form it has; another one has another number."""
    redactor = Redactor()
    first = redactor.text("Authorization: Bearer abc123def")
    second = redactor.value({"nested": [{"api_token": "abc123def"}, "a@b.com", "c@d.com and a@b.com"]})
    assert first == "Authorization: Bearer [redacted:authorization-1]"
    assert second["nested"][0] == {"api_token": "[redacted:authorization-1]"}
    assert second["nested"][1:] == ["[redacted:email-1]", "[redacted:email-2] and [redacted:email-1]"]


def test_a_new_secret_takes_no_number_of_a_mark_that_is_there() -> None:
    """A document that holds marks already keeps them, and what is redacted now is not taken for one of these."""
    lines = Redactor().lines(["a@b.com", "was [redacted:email-1]"])
    assert lines == ["[redacted:email-2]", "was [redacted:email-1]"]


PIECES = st.sampled_from(
    [
        *(
            "password",
            "token",
            "user_input",
            "authorization",
            "cookie",
            "x",
            "=",
            ": ",
            ":",
            ",",
            '"',
            "'",
            "\\",
        ),
        *(" ", "\n", "Bearer ", "abc123", "sk-abcdefghij", JWT, "a@b.com", "@", ".", "-", "4111111111111111"),
        *(
            "://",
            "u:p@h",
            "[redacted:email-1]",
            "[",
            "]",
            "{",
            "}",
            "é",
            "&",
            ";",
            "_",
            "-----BEGIN PRIVATE KEY-----",
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
def test_what_is_redacted_is_not_redacted_again(text) -> None:
    """Redaction is idempotent: by the same redactor, and by one that has never seen the text."""
    once = Redactor().text(text)
    assert Redactor().text(once) == once
    redactor = Redactor()
    assert redactor.text(redactor.text(text)) == once


@pytest.mark.parametrize(
    "piece",
    ["a@", "eyJ", "://a", "password=\\", 'secret={"\\', "user_input= a b", "4111 ", "[redacted:", "'a','"],
)
def test_a_hostile_line_of_a_megabyte_is_read(piece) -> None:
    """No repetition makes an expression go over the same text again: a line of 1 MB ends long before any limit."""
    line = "password=" + piece * (1_000_000 // len(piece))
    assert Redactor().text(line)


def test_the_own_text_of_a_log_stays_and_a_users_text_goes() -> None:
    """Where a log calls its event `message` it is kept; a field `message` beside an event is what somebody wrote."""
    own, users = parse(
        [
            '{"message": "request failed for a@b.com", "level": "error", "token": "abc123"}',
            '{"event": "turn", "level": "info", "message": "I have a rash", "n": 2}',
        ]
    )
    redactor = Redactor()
    shown = redactor.log(own)
    assert shown.event == "request failed for [redacted:email-1]"
    assert '"request failed for [redacted:email-1]"' in shown.text
    assert shown.fields == {"token": "[redacted:token-1]"}
    assert redactor.log(users).fields == {"message": "[redacted:message-1]", "n": 2}
    assert redactor.log(users).text == (
        '{"event": "turn", "level": "info", "message": "[redacted:message-1]", "n": 2}'
    )


@pytest.mark.parametrize("place", ["", "line 12: ", "app log line 3: "])
def test_a_line_of_a_log_that_is_told_keeps_the_text_of_the_log(place) -> None:
    """A line told as evidence, whatever says where it stood, keeps its own message; one below it is somebody's."""
    line = '{"turn": {"message": "I have a rash"}, "level": "error", "message": "refused a@b.com"}'
    assert Redactor().text(place + line) == place + (
        '{"turn": {"message": "[redacted:message-1]"}, "level": "error", "message": "refused [redacted:email-1]"}'
    )
    assert Redactor().text(f'{place}level=info msg="all is well" user_input="not at all"') == (
        f'{place}level=info msg="all is well" user_input="[redacted:message-1]"'
    )


def test_a_history_is_told_without_its_messages_and_with_its_canaries(made) -> None:
    """Messages, replies and prompts go, the made-up words in them stay, and so do times, ids and statuses."""
    turn = made.turn(
        message="I am Jane, CANARYWORD",
        canary="CANARYWORD",
        reply="Hi Jane CANARYWORD",
        body={"said": "Hi Jane CANARYWORD"},
    )
    history = History(header=made.header(), records=(turn, made.call(turn, text="Hi Jane")))
    hidden = Redactor().history(history)
    assert "Jane" not in str(hidden.records)
    assert hidden.exchanges[0].message == "[redacted:message-2] CANARYWORD"
    assert hidden.exchanges[0].reply == hidden.exchanges[0].body["said"] == "[redacted:message-1] CANARYWORD"
    assert hidden.exchanges[0].message == hidden.calls[0].messages[0]["content"]
    assert (hidden.exchanges[0].at_s, hidden.exchanges[0].status) == (turn.at_s, turn.status)
    assert hidden.calls[0].messages[0]["role"] == "user"


def test_a_run_of_ours_may_show_its_messages_and_no_header(made) -> None:
    """With `messages` off what a scenario says is shown; secrets in headers and bodies are not, ever."""
    turn = replace(
        made.turn(message="Hi there", reply="Hello"), request_headers={"Authorization": "Bearer abcdef"}
    )
    shown = Redactor(Rules(messages=False)).record(turn)
    assert isinstance(shown, Exchange)
    assert (shown.message, shown.reply) == ("Hi there", "Hello")
    assert shown.request_headers == {"Authorization": "Bearer [redacted:authorization-1]"}


def test_values_keep_their_shape() -> None:
    """Lists, tuples, numbers and empty values keep their kind; the numbers of a secret do not."""
    value = {"password": [12345, None, True, "x"], "raw": [["cookie", "a=b"], ("n", 1)], "text": 5}
    assert Redactor().value(value) == {
        "password": ["[redacted:password-1]", None, True, "[redacted:password-2]"],
        "raw": [["cookie", "[redacted:cookie-1]"], ("n", 1)],
        "text": 5,
    }


def test_a_user_adds_fields_and_patterns(tmp_path) -> None:
    """`[tool.shakeout.redact]` adds names in any case and expressions, and takes nothing away."""
    place = tmp_path / "pyproject.toml"
    place.write_text("[tool.shakeout.redact]\nfields = ['patient-name']\npatterns = ['MRN[0-9]+', 'e.*d']\n")
    redactor = Redactor(configured(place))
    text = redactor.text("patientName=Jane MRN123 of a@b.com ended")
    assert (
        text
        == "patientName=[redacted:field-1] [redacted:pattern-1] of [redacted:email-1] [redacted:pattern-2]"
    )
    assert Redactor(configured(place)).text(text) == text
    assert configured(tmp_path / "none.toml") == Rules()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"patterns": ["ok", "(["]}, r"\(\["),
        ({"patterns": ["a*"]}, "matches nothing"),
        ({"patterns": "a"}, "list of texts"),
        ({"fields": [1]}, "list of texts"),
        ({"names": []}, "no key names"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(table, said) -> None:
    """A pattern that is none, one that matches nothing, another key or another type: the message names it."""
    with pytest.raises(UsageError, match=said):
        rules(table)


@pytest.mark.parametrize("text", ["tool = 1", "[tool.shakeout]\nredact = 2", "["])
def test_a_pyproject_that_cannot_be_read_is_refused(tmp_path, text) -> None:
    """A file that is no TOML, or whose table is none, is said by its name."""
    place = tmp_path / "pyproject.toml"
    place.write_text(text)
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        configured(place)

"""`shakeout reproduce` of a log full of secrets: none is written, shown, or part of a command."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.incidents.found import told
from harness.incidents.shown import Shown

CANARY = re.compile(r"sweet\w*", re.IGNORECASE)
"""Each planted secret has this word in it."""

GIVEN = "I have sweetgiven pain"
ADDED = """\
[tool.shakeout.redact]
patterns = ["MRN-[a-z]+"]
fields = ["patient_name"]
"""
NAMED: dict[str, Any] = {
    "password": "correct sweetpassword battery",
    "user_text": "please set mode=sweetmode now",
    "messages": ["I have sweetlist disease"],
    "api_key": "sweetkey",
    "authorization": "Bearer sweetbearer",
    "who": "bob.sweetmail@example.org",
    "patient_name": "Jane sweetfield Doe",
    "seen": "MRN-sweetseen",
    "response": "sweetresponse",
    "outputs": ["a sweetoutput it is"],
    "conversation_history": [{"role": "user", "content": "sweethistory"}],
    "turns": [{"said": "sweetsaid"}],
    "last_turn": "sweetturn",
    "chat": ["sweetchat"],
    "api_keys": ["sweetkeys"],
    "access_tokens": ["sweettokens"],
    "passwords": ["sweetpasswords"],
    "pass": "sweetpass",
    "session_key": "sweetsession",
    "auth_code": "sweetcode",
}
"""Fields of one line of a log that say nothing of what is wrong, and hold a secret each."""

TOLD: dict[str, Any] = {
    "header": "Authorization: Bearer sweetheader",
    "told": "it is MRN-sweetpattern here",
    "answer_to": "Received message: I have sweetmessage disease",
    "asked": "bad query: it is sweetquery again",
    "link": "GET /file?sig=sweetsig&X-Amz-Signature=sweetamz of it",
    "command": "run --password sweetoption --verbose of it",
    "request_body": {"complaint": "it is sweetbody here"},
    "error": "[type=string_type, input_value='I have sweetvalue', input_type=str]",
    "why": f"{'x ' * 230}bob.sweetcut@example.org",
}
"""Fields whose texts are kept in part, without the secret in each."""

UNANNOUNCED: dict[str, Any] = {
    "detail": "I have sweetdetail disease",
    "error_text_of_it": "ValueError: sweetraised is no date",
    "because": "sweetword",
    "said_it": ["my sweetitem hurts"],
    "sweetkey of another": 3,
}
"""What people wrote, under names that do not tell."""

PROSE = """\
ERROR:app:bad request "it is sweetquoted for 3 days"
WARNING sweetfree hurts since 1999
ValueError: could not convert sweetvalue to float
2026-11-28 10:00:01 ERROR shop: sweetcolon: it is my leg
Traceback (most recent call last):
  File "/srv/app.py", line 3, in turn
    raise ValueError(text)
ValueError: sweettraceback hurts
my leg sweetbare hurts"""
"""The same in lines of several forms, of which none tells."""

SKIPPED = {
    "event": "conversation_aware_classification_skipped",
    "level": "warning",
    "async_context_detected": True,
    "fallback": "structured_llm",
}
"""What the reference app logs where it skips a level, and no healthy one does."""

HOSTILE = "ERROR app: it went \x1b]0;title\x07 \u202eodd"
"""What a terminal would act on."""

PLAIN = "ERROR:app:Received message: I have sweetplain disease"
"""What a person wrote, where no quote and no field tells of it."""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, whose pyproject adds to what is redacted."""
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(ADDED)


def log_of(*events: dict[str, Any], plain: str = "") -> None:
    """Write a log of these events, and of one plain line behind the first."""
    first, *rest = map(json.dumps, events)
    Path("incident.log").write_text("\n".join([first, *([plain] if plain else []), *rest, ""]))


def reproduce(shakeout: Any, *more: str, duration: str) -> tuple[int, str]:
    """Search with all that can be written; the exit code, and what was said."""
    outputs = ("-o", "found.py", "--json", "told.json", "--html", "told.html")
    code, said, complained = shakeout(
        "reproduce", "incident.log", *outputs, "--stage", "simulated", "--for", duration, *more
    )
    return code, said + complained


def leaked(said: str, *, names: tuple[str, ...]) -> dict[str, set[str]]:
    """Which canaries are in what was said, and in which file; the log itself aside."""
    texts = {"screen": said, **{name: Path(name).read_text() for name in names}}
    return {name: found for name, text in texts.items() if (found := set(CANARY.findall(text)))}


@pytest.mark.timeout(600)
def test_no_canary_of_a_log_that_is_reproduced_is_written_or_shown(shakeout: Any) -> None:
    """A match, with every kind of secret in the line that tells: the scenario, JSON, page and screen have none of them."""
    log_of({**SKIPPED, **NAMED, "sweetkey of a person": 3}, plain=PROSE.splitlines()[0])
    code, said = reproduce(shakeout, duration="10m")
    assert code == 0, said
    assert leaked(said, names=("found.py", "told.json", "told.html")) == {}
    for name in ("told.json", "told.html", "found.py"):
        assert "[redacted:" in Path(name).read_text()
    left = len(json.loads(Path("told.json").read_text())["unexplained"])
    assert left
    assert f"; {left} traits of the log not explained; " in said


@pytest.mark.timeout(120)
def test_no_canary_of_a_log_that_nothing_reproduces_is_written_or_shown(shakeout: Any) -> None:
    """A miss, with a given message: JSON, page and screen have no secret, nothing that a terminal acts on, no list without end."""
    odd = {"event": "odd", "level": "error", **NAMED, **TOLD, **UNANNOUNCED}
    many = [{"event": f"odd {'z' * (1 + number)}"} for number in range(80)]
    log_of(odd, *many, {"event": "w" * 1_000_000}, plain=f"{HOSTILE}\n{PLAIN}\n{PROSE}")
    code, said = reproduce(shakeout, "--input", GIVEN, duration="3s")
    assert code == 4, said
    assert leaked(said, names=("told.json", "told.html")) == {}
    assert all(line.isprintable() for line in said.splitlines()), repr(said)
    assert r"\x1b" in said
    told = json.loads(Path("told.json").read_text())
    assert "--input TEXT" in told["replay"]
    assert len(told["unexplained"]) == 50
    assert told["unexplained_more"] > 0
    assert f"not explained: {told['unexplained_more']} more" in Path("told.html").read_text()
    assert max(map(len, told["unexplained"])) <= 200
    assert Path("told.json").stat().st_size < 200_000


def test_a_log_that_can_be_read_only_once_is_refused_where_the_page_needs_it_twice(shakeout: Any) -> None:
    """A pipe with --html is refused in one line before anything of it is read or searched, and nothing is written."""
    os.mkfifo("incident.log")
    code, said = reproduce(shakeout, duration="20s")
    assert (code, said.count("\n")) == (2, 1)
    assert "can be read only once, and --html reads it twice; give a file" in said
    assert sorted(path.name for path in Path().iterdir()) == ["incident.log", "pyproject.toml"]


def test_what_an_invariant_says_is_redacted_in_the_docstring() -> None:
    """The message of a violation quotes what the service answered or logged; so it is redacted as the log is."""
    violation = SimpleNamespace(invariant="made", message="it logged bob.sweet@example.org")
    distance = SimpleNamespace(shares=(), beyond=(), reordered=())
    small: Any = SimpleNamespace(
        tried=SimpleNamespace(violations=[violation], suspect=SimpleNamespace(defects=())),
        invariant="made",
        distance=distance,
        unexplained=(),
    )
    cause: Any = SimpleNamespace(suspect=SimpleNamespace(name="mistake"), distance=distance)
    diagnosis: Any = SimpleNamespace(incident=SimpleNamespace(examples={}))
    lines = list(told(diagnosis, cause, small, assumed=(), replay="shakeout run x", shown=Shown()))
    assert "it logged [redacted:email-1]" in lines

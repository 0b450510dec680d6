"""`shakeout judge` of a log: the gates, the exit code, the documents, and one line for what is no log."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

INCIDENT = """intent_classifier WARNING conversation_aware_classification_skipped async_context_detected fallback=structured_llm
universal_framework.safe_mode INFO api_request_complete status_code=500 success=true
INFO: "POST /workflow/execute HTTP/1.1" 500 Internal Server Error
"""
Run = Callable[..., tuple[int, str, str]]


def healthy(count: int, *, duration_s: float = 0.02) -> str:
    """The log of so many good turns, one each second."""
    lines, took = [], f"duration_s={duration_s}"
    for number in range(count):
        clock = f"2026-07-29T{12 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        lines += [
            f"{clock} intent_classifier INFO intent_classification_success method=conversation_aware",
            f"{clock} safe_mode INFO api_request_complete status_code=200 success=true route=/workflow/execute {took}",
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Callable[[str], str]:
    """Writes a log; gives its path."""

    def write(text: str, name: str = "service.log") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_the_log_of_the_incident_fails_by_each_of_its_lines(shakeout: Run, log: Callable[[str], str]) -> None:
    """The three lines of the plan fail, exit 1, and each is shown as evidence of its gates."""
    code, out, err = shakeout("judge", log(INCIDENT))
    assert (code, err) == (1, "")
    for name in (
        'log("conversation_aware_classification_skipped") == 0',
        'log("500 Internal Server Error") == 0',
        'log("api_request_complete status_code=500") == 0',
        "log(completion status contradicts success) == 0",
    ):
        assert f"{name}, the first: " in out
    assert "failed: 1 requests in 3 lines, 0 of no known format" in out


def test_a_long_healthy_log_passes_and_a_short_one_is_open(shakeout: Run, log: Callable[[str], str]) -> None:
    """3,000 good turns exit 0; a hundred exit 4, with the number that is missing."""
    assert shakeout("judge", log(healthy(3_000)))[0] == 0
    code, out, _ = shakeout("judge", log(healthy(100)))
    assert code == 4
    assert "2,895 more good requests would pass it" in " ".join(out.split())
    assert "assumed: the response time is duration_s in seconds" in out


def test_the_documents_hold_all_that_is_shown(
    shakeout: Run, log: Callable[[str], str], tmp_path: Path
) -> None:
    """JSON has gates, assumptions, unknown lines and their templates; JUnit a case a gate; quiet shows nothing."""
    text = INCIDENT + "my poor leg 1\nmy poor leg 2\n"
    places = "--json", str(tmp_path / "j.json"), "--junit", str(tmp_path / "j.xml")
    assert shakeout("judge", log(text), *places, "--quiet") == (1, "", "")
    document = json.loads((tmp_path / "j.json").read_text())
    assert (document["kind"], document["verdict"], document["lines"], document["unknown"]) == (
        "judge",
        "failed",
        5,
        2,
    )
    assert document["templates"] == [{"text": "[redacted:text-1] <*>", "count": 2, "line": 4}]
    gates = {gate["name"]: gate for gate in document["gates"]}
    assert gates["error_rate < 0.1%"]["observed"] == 1.0
    assert gates["latency p99 < 2 s"]["message"].startswith("no completion event says how long it took")
    assert any("status of 500 or more" in one for one in document["assumptions"])
    suite = ET.parse(tmp_path / "j.xml").getroot()[0]
    assert {case.get("name") for case in suite} == set(gates)


def test_an_id_that_two_requests_have_is_said_in_one_line(shakeout: Run, log: Callable[[str], str]) -> None:
    """One id, completed with 500 in one session and with 200 in another: it may be two requests."""
    done = '{{"event":"api_request_complete","request_id":"a","status_code":{},"session_id":"{}"}}\n'
    _, out, _ = shakeout("judge", log(done.format(500, "s") + done.format(200, "t")))
    assert [line.strip() for line in out.splitlines() if "ids of requests" in line] == [
        "assumed: 1 ids of requests have lines of several sessions or statuses: each may be several requests"
    ]


def test_what_is_doubtful_of_the_baseline_is_said(shakeout: Run, log: Callable[[str], str]) -> None:
    """A clock that goes back in the older log makes the comparison doubtful, too, and what was assumed of it is told."""
    lines = healthy(600).splitlines(keepends=True)
    back = "".join([*lines[1_000:], *lines[:1_000]])
    alone = [
        line for line in shakeout("judge", log(back, "alone.log"))[1].splitlines() if "doubtful: " in line
    ]
    assert alone
    _, out, _ = shakeout("judge", log(healthy(50), "new.log"), "--baseline", log(back, "old.log"))
    assert [
        line.replace("of the baseline: ", "") for line in out.splitlines() if "doubtful: " in line
    ] == alone
    assert "assumed: of the baseline: " in out


def test_what_became_worse_since_the_baseline_fails(shakeout: Run, log: Callable[[str], str]) -> None:
    """After a deployment that made answers slower the run fails by latency alone, though each answer is below the limit."""
    old, new = log(healthy(3_000), "old.log"), log(healthy(3_000, duration_s=0.5), "new.log")
    code, out, _ = shakeout("judge", new, "--baseline", old)
    failed = {line.split(":")[0] for line in out.splitlines() if "  failed  " in line}
    assert (code, failed) == (1, {"latency p50", "latency p95"})
    assert shakeout("judge", old, "--baseline", new)[0] == 0


@pytest.mark.parametrize(("content", "code", "told"), [
    (b"", 2, "service.log: "),
    (b"\x7fELF\0\0\0\0" * 1_000, 2, "service.log: "),
    (b"INFO: Started server process [1]\n", 3, "nothing in its 1 records is of reference_app"),
])  # fmt: skip
def test_what_is_no_log_of_the_service_is_told_in_one_line(
    shakeout: Run, tmp_path: Path, content: bytes, code: int, told: str
) -> None:
    """An empty file, no text, and the log of another service are refused in one line with the remedy."""
    path = tmp_path / "service.log"
    path.write_bytes(content)
    found, out, err = shakeout("judge", str(path))
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert told in err
    assert "give " in err


def test_a_file_that_is_not_there_is_a_usage_error(shakeout: Run, tmp_path: Path) -> None:
    """No file: exit 2 and one line, as log, as baseline, and to follow."""
    missing = str(tmp_path / "missing.log")
    (tmp_path / "service.log").write_text(INCIDENT)
    for words in ([missing], [str(tmp_path / "service.log"), "--baseline", missing], [missing, "--follow"]):
        code, out, err = shakeout("judge", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(("words", "told"), [
    (["--for", "1s"], "give --follow, too"),
    (["--follow", "--baseline", "x"], "leave --follow out"),
    (["--follow", "--for", "soon"], "a duration is a number"),
])  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    shakeout: Run, log: Callable[[str], str], words: list[str], told: str
) -> None:
    """What does not go together is a usage error in one line."""
    code, out, err = shakeout("judge", log(INCIDENT), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_another_service_is_judged_by_its_own_profile(shakeout: Run, log: Callable[[str], str]) -> None:
    """The log of a service without a completion event is judged by its access lines, as its profile names them."""
    profile = Path(__file__).parents[2] / "services" / "shop" / "profile.toml"
    text = 'INFO:     127.0.0.1:1 - "POST /ask HTTP/1.1" 200 OK\n' * 3_000
    code, out, err = shakeout("judge", log(text), "--target", str(profile))
    assert (code, err) == (4, "")
    assert "access lines: 200 x 3,000" in out
    assert "assumed: requests are the access lines" in out


def test_a_line_that_looks_like_markup_is_shown_as_it_is(shakeout: Run, log: Callable[[str], str]) -> None:
    """Brackets in a log do not colour the table, nor end it; so do not those of a mark."""
    text = INCIDENT.replace("success=true", "success=true because=[/][bold]")
    assert "success=true because=[/][[redacted:text-1]]" in shakeout("judge", log(text))[1]


def test_a_log_of_probes_alone_is_no_pass(shakeout: Run, log: Callable[[str], str]) -> None:
    """3,000 good requests of another path exit 4, and so does a log with turns that is held to one without, or the other way."""
    good = healthy(3_000)
    probes, turns = log(good.replace("/workflow/execute", "/health"), "old.log"), log(good)
    code, out, _ = shakeout("judge", probes)
    assert (code, "no request is of /workflow/execute" in " ".join(out.split())) == (4, True)
    assert shakeout("judge", turns, "--baseline", probes)[0] == 4
    assert shakeout("judge", probes, "--baseline", turns)[0] == 4


def test_no_letter_of_a_log_commands_the_terminal(shakeout: Run, log: Callable[[str], str]) -> None:
    """Escape sequences and letters that turn the direction are spelled out: in evidence and in a template; a method with any is not told."""
    method = r'{"event": "intent_classification_success", "method": "a\u001b]0;title\u0007b\u202ec"}'
    noted = INCIDENT.replace("success=true", "success=true note=\x1b\u202e")
    text = f"{noted}{method}\nno \x1b\u202e text\n"
    code, out, _ = shakeout("judge", log(text))
    assert (code, [letter for letter in out if not letter.isprintable() and letter != "\n"]) == (1, [])
    for shown in (r"note=\x1b\u202e", "(a text) x 1", r"no \x1b\u202e text"):
        assert shown in out


def test_what_a_person_may_have_written_is_not_quoted(
    shakeout: Run, log: Callable[[str], str], tmp_path: Path
) -> None:
    """Of a line of evidence and of unknown lines the names and the contract's words are shown, and where they stand."""
    text = (
        INCIDENT.replace("success=true", 'success=true because="sweetquoted hurts"') + "my sweetleg hurts\n"
    )
    places = "--json", str(tmp_path / "j.json"), "--junit", str(tmp_path / "j.xml")
    code, out, _ = shakeout("judge", log(text), *places)
    assert (code, "success=true" in out, "first in line 4: [redacted:text-" in out) == (1, True, True)
    for told in (out, *((tmp_path / name).read_text() for name in ("j.json", "j.xml"))):
        assert ("sweet" in told, "hurts" in told) == (False, False)


def test_a_method_is_quoted_without_secrets_and_few_of_many_are(
    shakeout: Run, log: Callable[[str], str], tmp_path: Path
) -> None:
    """Of 3,000 methods that hold an address five are named, without it, on the screen as in both documents."""
    line = 'intent_classifier INFO intent_classification_success method="m{} joe.canary@example.com"'
    text = healthy(10) + "".join(f"{line.format(number)}\n" for number in range(3_000))
    places = "--json", str(tmp_path / "j.json"), "--junit", str(tmp_path / "j.xml")
    _, out, _ = shakeout("judge", log(text), *places)
    written = [(tmp_path / name).read_text() for name in ("j.json", "j.xml")]
    for shown in (out, *written):
        assert "joe.canary" not in shown
        assert "(a text) x 1" in shown
        assert "and 996 more" in " ".join(shown.split())
        assert len(shown) < 10_000


def test_what_is_quoted_has_no_secrets(shakeout: Run, log: Callable[[str], str], tmp_path: Path) -> None:
    """A key in the line that is the evidence, or in a line of no known format, is on no screen and in no document."""
    key = "sk-abcdefghijklmnop1234567890"
    text = f"{INCIDENT.replace('success=true', f'success=true api_key={key}')}what is Bearer {key}\n"
    places = "--json", str(tmp_path / "j.json"), "--junit", str(tmp_path / "j.xml")
    code, out, _ = shakeout("judge", log(text), *places)
    documents = (tmp_path / "j.json").read_text() + (tmp_path / "j.xml").read_text()
    assert (code, key in out + documents) == (1, False)
    assert "api_key=[redacted" in out


def test_a_gate_that_the_log_cannot_answer_may_be_left_out(shakeout: Run, log: Callable[[str], str]) -> None:
    """A log without times says which field it wants, exit 4; without that gate it passes, and says what was not asked."""
    untimed = log(healthy(3_000).replace(" duration_s=0.02", ""))
    code, out, _ = shakeout("judge", untimed)
    assert code == 4
    assert "log duration_ms, or leave this gate out by --without latency" in " ".join(out.split())
    code, out, _ = shakeout("judge", untimed, "--without", "latency")
    assert code == 0
    assert "latency p99 < 2 s is not asked: --without" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--without", "latenz"), "no gate's name begins so; there are: share(2xx) > 50%"),
        (("--without", ""), "no gate's name begins so"),
        (("--without", "latency", "--follow"), "--without is for the gates on a whole log"),
        (
            tuple(word for name in ("share", "error", "latency", "log") for word in ("--without", name)),
            "nothing would",
        ),
    ],
)
def test_what_cannot_be_left_out_is_refused(
    shakeout: Run, log: Callable[[str], str], words: tuple[str, ...], said: str
) -> None:
    """An unknown gate, all of them, or one of a log that is followed: one line, exit 2."""
    code, out, err = shakeout("judge", log(healthy(20)), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
